// What the platform does to calls that requests share, with real requests and real objects: whoever
// goes away takes nobody along, and an object of older code is asked one by one.

import http from "node:http";
import { fileURLToPath } from "node:url";
import { Miniflare } from "miniflare";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bundleWorker } from "../../src/cli/bundle.ts";
import { COMPATIBILITY_DATE } from "../../src/cli/dev-server.ts";
import { freePort } from "../support/server.ts";

const WORKER = fileURLToPath(new URL("../workerd/gathering/worker.ts", import.meta.url));

const HOST = "127.0.0.1";

let worker: Miniflare;
let origin: string;

beforeAll(async () => {
  const contents = await bundleWorker(WORKER);
  const port = await freePort();
  const env = { type: "durable-object", worker: "gathering" } as const;
  worker = new Miniflare({
    cf: false,
    telemetry: { enabled: false },
    enableDevRegistry: false,
    logRequests: false,
    workers: [
      {
        config: {
          name: "gathering",
          compatibilityDate: COMPATIBILITY_DATE,
          manifest: {
            mainModule: "worker.mjs",
            modulesRoot: "/",
            modules: { "worker.mjs": { type: "esm", contents } },
          },
          env: {
            PLAYED: { ...env, exportName: "Played" },
            OLD: { ...env, exportName: "Old" },
          },
          exports: {
            Played: { type: "durable-object", storage: "sqlite" },
            Old: { type: "durable-object", storage: "sqlite" },
          },
        },
        // By Miniflare's own socket nothing is heard of a client that goes away.
        dev: { unsafeDirectSockets: [{ host: HOST, port }] },
      },
    ],
  });
  await worker.ready;
  origin = `http://${HOST}:${port}`;
});

afterAll(() => worker.dispose());

const read = async (path: string): Promise<unknown> => (await fetch(origin + path)).json();

async function until(path: string, value: unknown): Promise<void> {
  while (JSON.stringify(await read(path)) !== JSON.stringify(value)) await nextTurn();
}

const nextTurn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** A request on a connection of its own, which can be cut. */
function ask(region: string) {
  const { promise, resolve } = Promise.withResolvers<string>();
  const request = http.get(`${origin}/ask/${region}`, { agent: false }, (response) => {
    response.setEncoding("utf8");
    response.on("data", resolve);
  });
  request.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "failed"));
  // A connection that is merely ended might still be read from: the platform would go on.
  return { answer: promise, cut: () => request.socket?.resetAndDestroy() };
}

/** One request whose call is under way, one that gathers, and 63 that join it. */
async function gather(region: string) {
  // The router has to learn who leads first.
  expect(await ask(region).answer).toBe(ANSWERED);
  const before = (await read("/asked")) as number;
  const first = ask(region);
  await until(`/sizes/${region}`, [1, 1]);
  const gathering = ask(region);
  await until("/asked", before + 2);
  const joined = Array.from({ length: 63 }, () => ask(region));
  await until("/asked", before + 65);
  return { first, gathering, joined };
}

const ANSWERED = '"answered"';
const all = Array.from({ length: 63 }, () => ANSWERED);

describe("a client that goes away while its request carries those of 63 others", () => {
  test("before they are sent", async () => {
    const { first, gathering, joined } = await gather("before");
    gathering.cut();
    expect(await first.answer).toBe(ANSWERED);
    expect(await Promise.all(joined.map(({ answer }) => answer))).toEqual(all);
    expect(await gathering.answer).toBe("ECONNRESET");
    expect(await read("/sizes/before")).toEqual([1, 1, 64]);
  });

  test("while they are under way", async () => {
    const { gathering, joined } = await gather("under-way");
    await until("/sizes/under-way", [1, 1, 64]);
    gathering.cut();
    expect(await Promise.all(joined.map(({ answer }) => answer))).toEqual(all);
    expect(await gathering.answer).toBe("ECONNRESET");
  });
});

test("those that join, and go away, take nobody along", async () => {
  const { gathering, joined } = await gather("joined");
  const [gone, ...rest] = joined;
  gone!.cut();
  expect(await gathering.answer).toBe(ANSWERED);
  expect(await Promise.all(rest.map(({ answer }) => answer))).toEqual(all.slice(1));
});

test("an object of older code is asked one by one", async () => {
  const answers = Array.from({ length: 8 }, () => ask("old").answer);
  expect(await Promise.all(answers)).toEqual(all.slice(0, 8));
});
