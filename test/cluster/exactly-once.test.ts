// A thousand writes that their callers name, while leaders are cut off and stopped: each is applied once,
// and each caller told of one success, however often it had to ask.

import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, test } from "vitest";
import { lab, leaderRegion } from "../support/nemesis.ts";
import { startServer, type Server } from "../support/server.ts";

const WRITES = 1_000;
const CALLERS = 16;
/** A caller gives up after so many answers that are none. */
const ATTEMPTS_MAX = 60;

let server: Server;

beforeAll(async () => {
  server = await startServer();
});
afterAll(async () => {
  await server.stop();
});

const base64 = (text: string): string => Buffer.from(text).toString("base64");

interface Told {
  readonly status: number;
  readonly revision: string | null;
}

/** Asks once, and gives up soon: the answer may be lost though the write is not. */
async function putOnce(key: string, value: string, name: string): Promise<Told> {
  const body = JSON.stringify({ key: base64(key), value: base64(value), prev_kv: true });
  const headers = { "Idempotency-Key": name };
  const signal = AbortSignal.timeout(500);
  try {
    const response = await fetch(`${server.url}/v3/kv/put`, {
      method: "POST",
      body,
      headers,
      signal,
    });
    const answer = (await response.json()) as { header?: { revision: string }; prev_kv?: unknown };
    if (answer.prev_kv !== undefined) throw new Error(`${key} was written before`);
    return { status: response.status, revision: answer.header?.revision ?? null };
  } catch (error) {
    if (!(error instanceof DOMException) && !(error instanceof TypeError)) throw error;
    return { status: 0, revision: null };
  }
}

/** Asks until there is a success; tells its revision and how often it was asked for. */
async function insist(key: string, name: string): Promise<{ revision: string; attempts: number }> {
  for (let attempts = 1; attempts <= ATTEMPTS_MAX; attempts++) {
    const { status, revision } = await putOnce(key, "1", name);
    if (status === 200) return { revision: revision!, attempts };
  }
  throw new Error(`${key} was not written in ${ATTEMPTS_MAX} attempts`);
}

async function kvsBelow(prefix: string): Promise<{ version: string; mod_revision: string }[]> {
  const range = { key: base64(prefix), range_end: base64(`${prefix}~`) };
  const body = JSON.stringify(range);
  const response = await fetch(`${server.url}/v3/kv/range`, { method: "POST", body });
  return ((await response.json()) as { kvs: { version: string; mod_revision: string }[] }).kvs;
}

describe("1,000 writes by their callers' keys", () => {
  test(
    "are applied once each under changes of the leader, and answered once each",
    {
      timeout: 120_000,
    },
    async ({ expect }) => {
      const revisions = new Map<number, string>();
      let next = 0;
      let repeated = 0;
      const caller = async (): Promise<void> => {
        for (let n = next++; n < WRITES; n = next++) {
          const { revision, attempts } = await insist(`once/${n}`, `write-${n}`);
          revisions.set(n, revision);
          if (attempts > 1) repeated++;
        }
      };
      const changeLeader = async (at: number, order: "abort" | "isolate"): Promise<void> => {
        while (revisions.size < at) await sleep(5);
        const region = await leaderRegion(server.url);
        await lab(server.url, region, order);
        if (order === "abort") return;
        while ((await leaderRegion(server.url)) === region) await sleep(50);
        await lab(server.url, region, "heal");
      };
      const faults = (async () => {
        await changeLeader(150, "abort");
        await changeLeader(300, "isolate");
        await changeLeader(500, "abort");
        await changeLeader(700, "isolate");
      })();
      await Promise.all([faults, ...Array.from({ length: CALLERS }, caller)]);

      const kvs = await kvsBelow("once/");
      expect(kvs).toHaveLength(WRITES);
      expect(new Set(kvs.map(({ version }) => version))).toEqual(new Set(["1"]));
      const made = new Set(kvs.map(({ mod_revision }) => mod_revision));
      expect(made).toEqual(new Set(revisions.values()));
      expect(repeated).toBeGreaterThan(0);
      // Whoever asks again has the first answer; for something else, none.
      for (const n of [0, 499, 999]) {
        expect(await putOnce(`once/${n}`, "1", `write-${n}`)).toEqual({
          status: 200,
          revision: revisions.get(n),
        });
        expect((await putOnce(`once/${n}`, "2", `write-${n}`)).status).toBe(422);
      }
    },
  );
});
