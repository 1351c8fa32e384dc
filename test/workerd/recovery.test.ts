// Disaster recovery: a cluster that has lost its majority goes on from one replica as another
// cluster, and never by accident. What is lost cannot come back under the same name.

import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { describe, test, vi } from "vitest";
import type { RecoveryAnswer, RecoveryOrder } from "../../src/api/recovery.ts";
import type { ClientRequest, Directory, ReplicaAnswer } from "../../src/api/replica.ts";
import { asClusterId } from "../../src/base/types.ts";
import { pause } from "../../src/object/pause.ts";
import { Replica } from "../../src/object/replica.ts";
import worker from "../../src/worker.ts";
import {
  allApplied,
  ask,
  createCluster,
  genesis,
  get,
  put,
  REGIONS,
  replica,
  valueOf,
} from "./cluster.ts";
import { Receiver, watch } from "./receiver.ts";

const BUMP = 1_000_000;

/** A cluster with a few keys, at revision 4. */
async function createWithKeys(cluster: string): Promise<Directory> {
  const directory = await createCluster(cluster);
  for (const value of ["1", "2"]) await ask(cluster, put("a", value));
  await ask(cluster, put("b", "1"));
  await allApplied(cluster, 4);
  return directory;
}

/** Cuts two of three off: the majority is lost. */
async function loseMajority(cluster: string): Promise<void> {
  for (const region of ["wnam", "enam"]) await replica(cluster, region).lab("isolate");
}

const recover = (
  cluster: string,
  confirm: bigint,
  more: Partial<RecoveryOrder> = {},
): Promise<RecoveryAnswer> =>
  genesis(cluster).recover({
    from: { region: "weur", generation: 1 },
    region: "weur",
    confirm: asClusterId(confirm),
    bumpRevisions: BUMP,
    ...more,
  });

async function askFounder(cluster: string, request: ClientRequest): Promise<ReplicaAnswer> {
  const stub = replica(cluster, "weur", 2);
  while ((await stub.status())?.role !== "leader") await pause(10);
  const requestId = crypto.getRandomValues(new Uint8Array(16));
  return stub.serve({ request, requestId, trace: "", timeoutMs: 5_000 });
}

const answerOfOld = (cluster: string, region: string): Promise<ReplicaAnswer> =>
  replica(cluster, region).serve({
    request: get("a"),
    requestId: new Uint8Array(16),
    trace: "",
    timeoutMs: 100,
  });

describe("recovery is refused", () => {
  test.concurrent("to one who does not name the cluster's id", async ({ expect }) => {
    const { clusterId } = await createWithKeys("mistaken");
    await loseMajority("mistaken");
    expect(await recover("mistaken", clusterId + 1n)).toMatchObject({ reason: "notConfirmed" });
    expect(await recover("nobody", 0n)).toMatchObject({ reason: "notConfirmed" });
  });

  test.concurrent("while a majority is alive", async ({ expect }) => {
    const directory = await createWithKeys("alive");
    await replica("alive", "wnam").lab("isolate");
    expect(await recover("alive", directory.clusterId)).toMatchObject({ reason: "isAlive" });
    expect(await genesis("alive").directory()).toEqual(directory);
  });

  test.concurrent("when there is nothing to copy; nothing has changed then", async ({ expect }) => {
    const directory = await createWithKeys("missing");
    await loseMajority("missing");
    const from = { region: "oc", generation: 1 };
    expect(await recover("missing", directory.clusterId, { from })).toMatchObject({
      reason: "notCopied",
    });
    expect(await genesis("missing").directory()).toEqual(directory);
    const tables = await runInDurableObject(replica("missing", "weur", 2), (_, { storage }) =>
      storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'meta'").toArray(),
    );
    expect(tables).toEqual([]);
    for (const region of ["wnam", "enam"]) await replica("missing", region).lab("heal");
    expect(valueOf(await ask("missing", get("a")))).toBe("2");
  });
});

describe("an operator who has lost a majority", () => {
  const call = async (method: string, path: string, body?: object) => {
    const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
    const response = await worker.fetch(new Request(`http://127.0.0.1:8787${path}`, init));
    return { status: response.status, text: await response.text() };
  };
  const path = "/v1/clusters/bad-day";

  interface Told {
    readonly cluster_id: string;
    readonly leader: string | null;
    readonly replicas: readonly { readonly region: string; readonly generation: number }[];
  }
  const survey = async (): Promise<Told> =>
    JSON.parse((await call("GET", `${path}/replicas`)).text) as Told;

  test("finds the survivor, rebuilds the cluster from it, and grows it again", async ({
    expect,
  }) => {
    await createWithKeys("bad-day");
    const { cluster_id: confirm } = await survey();
    const from = { region: "weur", generation: 1 };
    const order = { from, region: "weur", confirm, bump_revisions: BUMP };
    expect((await call("POST", `${path}/recover`, order)).status).toBe(409);
    await loseMajority("bad-day");

    const answer = await call("POST", `${path}/recover`, order);
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.text)).toMatchObject({
      members: [{ region: "weur", generation: 2 }],
      revision: 4 + BUMP,
    });
    expect((await call("GET", "/c/bad-day/v1/kv/a")).text).toBe("2");
    expect(await survey()).toMatchObject({ leader: "weur", replicas: [{ generation: 2 }] });

    const regions = { regions: REGIONS };
    expect((await call("PUT", `${path}/regions`, regions)).status).toBe(200);
    expect((await survey()).replicas).toHaveLength(3);
    expect((await call("GET", "/c/bad-day/v1/kv/a")).text).toBe("2");
  });
});

describe("a cluster rebuilt from one replica", () => {
  test.concurrent("has its keys, another id, and revisions that nobody has seen", async ({
    expect,
  }) => {
    const lost = await createWithKeys("rebuilt");
    await loseMajority("rebuilt");
    const answer = await recover("rebuilt", lost.clusterId);
    const directory = (await genesis("rebuilt").directory())!;
    expect(answer).toEqual({ kind: "recovered", directory, revision: 4 + BUMP });
    expect(directory.members).toMatchObject([{ region: "weur", generation: 2 }]);
    expect(directory.clusterId).not.toBe(lost.clusterId);
    expect(valueOf(await askFounder("rebuilt", get("a")))).toBe("2");
    expect(await askFounder("rebuilt", put("a", "3"))).toMatchObject({
      kind: "answered",
      header: { clusterId: directory.clusterId, revision: 5 + BUMP },
    });

    const { webSocket } = await replica("rebuilt", "weur", 2).fetch("https://replica/session", {
      headers: { Upgrade: "websocket" },
    });
    const receiver = new Receiver(webSocket!);
    receiver.send({ kind: "hello", version: 1 }, watch(0, "a", 3));
    await receiver.until(() => receiver.frames.length >= 3);
    expect(receiver.frames.at(-1)).toMatchObject({
      delivery: { cause: { kind: "compacted", compactRevision: 4 + BUMP } },
    });
    receiver.close();
  });

  test.concurrent("is the only one: those that come back are told, and stay so", async ({
    expect,
  }) => {
    const lost = await createWithKeys("returned");
    await genesis("returned").admit("apac", 1, lost);
    await loseMajority("returned");
    await recover("returned", lost.clusterId);
    const directory = (await genesis("returned").directory())!;
    for (const region of REGIONS) {
      await replica("returned", region).lab("heal");
      await replica("returned", region)
        .lab("abort")
        .catch(() => {});
      expect(await answerOfOld("returned", region)).toEqual({ kind: "removed", directory });
      const name = `returned/${region}/1`;
      expect(await genesis("returned").certify(name, "nonce")).toEqual({ kind: "stranger" });
    }
    expect(await genesis("returned").certify("returned/apac/1", "n")).toEqual({ kind: "stranger" });
    // The id of the lost cluster gives up nothing more, and its leaders tell nothing more.
    expect(await recover("returned", lost.clusterId)).toMatchObject({ reason: "notConfirmed" });
    await genesis("returned").remember(lost, 1_000);
    expect(await genesis("returned").directory()).toEqual(directory);
  });

  test.concurrent("tells one that is away for long as soon as it is back", async ({ expect }) => {
    const lost = await createWithKeys("away");
    await loseMajority("away");
    // oxlint-disable-next-line typescript/unbound-method -- called with the object it is taken from
    const original = Replica.prototype.fetch;
    const spy = vi.spyOn(Replica.prototype, "fetch").mockImplementation(away);
    function away(this: Replica, request: Request): Promise<Response> {
      const { ctx } = this as unknown as { ctx: DurableObjectState };
      const isAway = ctx.id.name!.startsWith("away/") && request.url.endsWith("/retire");
      if (isAway) return Promise.resolve(new Response(null, { status: 503 }));
      return original.call(this, request);
    }
    await recover("away", lost.clusterId);
    await replica("away", "wnam").lab("heal");
    expect(await answerOfOld("away", "enam")).toEqual({ kind: "timeout" });
    expect(await runDurableObjectAlarm(genesis("away"))).toBe(true);
    spy.mockRestore();
    expect(await runDurableObjectAlarm(genesis("away"))).toBe(true);
    for (const region of REGIONS) {
      expect(await answerOfOld("away", region)).toMatchObject({ kind: "removed" });
    }
    expect(await runDurableObjectAlarm(genesis("away"))).toBe(false);
  });
});
