// Owns a Worker whose router asks objects that are played: what the platform does with requests, calls
// and timers is real. All time goes a hundred times slower, so that a test can act while calls gather.

import { DurableObject, waitUntil } from "cloudflare:workers";
import {
  decodeGatheredCalls,
  encodeGatheredAnswer,
  joinGatheredAnswers,
  type GatheredAnswer,
} from "../../../src/api/gathered-codec.ts";
import { rangeOfKey } from "../../../src/api/kv-json.ts";
import { Writer } from "../../../src/base/codec.ts";
import { concatBytes } from "../../../src/base/bytes.ts";
import { asClusterId, asMemberId, asRevision, asTerm } from "../../../src/base/types.ts";
import type { Bytes } from "../../../src/base/types.ts";
import type { ReplicaNetwork, ReplicaStub } from "../../../src/http/network.ts";
import { PLATFORM } from "../../../src/http/platform.ts";
import { DEFAULT_CLUSTER, Router } from "../../../src/http/router.ts";

const SLOWNESS = 100;
/** What an object takes for each call, however many are in it. */
const WORK_MS = 600;

interface Environment {
  readonly PLAYED: DurableObjectNamespace<Played>;
  readonly OLD: DurableObjectNamespace<Old>;
}

const ANSWER: GatheredAnswer = {
  kind: "answered",
  header: {
    clusterId: asClusterId(1n),
    memberId: asMemberId(1n),
    revision: asRevision(1),
    term: asTerm(1),
  },
  answer: { kind: "range", answer: { kvs: [], more: false, count: 0 } },
};

export class Played extends DurableObject<Environment> {
  readonly #sizes: number[] = [];

  async serveAll(calls: Bytes): Promise<Bytes> {
    const all = decodeGatheredCalls(calls)!;
    this.#sizes.push(all.length);
    await scheduler.wait(WORK_MS);
    return concatBytes(
      joinGatheredAnswers(all.map(() => encodeGatheredAnswer(new Writer(), ANSWER))),
    );
  }

  sizes(): number[] {
    return this.#sizes;
  }
}

/** Of code that knows no gathered calls. */
export class Old extends DurableObject<Environment> {
  serve(): GatheredAnswer {
    return ANSWER;
  }
}

let asked = 0;
/** By the name of the only replica that each knows. */
const routers = new Map<string, Router>();

function routerTo(region: string, { PLAYED, OLD }: Environment): Router {
  const known = routers.get(region);
  if (known !== undefined) return known;
  const network: Partial<ReplicaNetwork> = {
    replica: () => (region === "old" ? OLD : PLAYED).getByName(region) as unknown as ReplicaStub,
  };
  const router = new Router({
    ...PLATFORM,
    clock: () => Math.floor(PLATFORM.clock() / SLOWNESS),
    timer: (ms) => PLATFORM.timer(ms * SLOWNESS),
    outlive: waitUntil,
    network: network as ReplicaNetwork,
    regions: [region],
  });
  routers.set(region, router);
  return router;
}

async function answer(request: Request, environment: Environment): Promise<Response> {
  const [, what, region = ""] = new URL(request.url).pathname.split("/");
  if (what === "asked") return Response.json(asked);
  if (what === "sizes") return Response.json(await environment.PLAYED.getByName(region).sizes());
  const served = routerTo(region, environment).serve({
    cluster: DEFAULT_CLUSTER,
    request: { kind: "range", request: rangeOfKey(Uint8Array.of(1)), serializable: false },
    requestId: new Uint8Array(16),
    trace: "",
    continent: null,
  });
  asked++;
  return Response.json((await served).kind);
}

export default { fetch: answer } satisfies ExportedHandler<Environment>;
