// A cluster that has left every region it began in, under a server that is started as on the first
// day: the options say where it was born, the state directory says where it lives.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { perform } from "../support/gateway.ts";
import { clusterStatus, liveIn } from "../support/nemesis.ts";
import { startServer, type Server } from "../support/server.ts";

const ELSEWHERE = ["apac", "oc", "me"];

let state: string;
let server: Server;

beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), "edgekeeper-regions-"));
  server = await startServer({ state });
  await perform(server.url, "born", { kind: "put", value: "in three regions" });
  await liveIn(server.url, ["wnam", "enam", "weur", "apac", "oc"]);
  await liveIn(server.url, ELSEWHERE);
  await server.stop();
  server = await startServer({ state });
});
afterAll(async () => {
  await server.stop();
  await rm(state, { recursive: true, force: true });
});

describe("a state directory whose cluster has grown, and then moved away", () => {
  test("starts with the members of now, none of whom was there at first", async ({ expect }) => {
    // One that had left may not have been told before the server was stopped; it asks, and is.
    const regions = async (): Promise<string[]> =>
      (await clusterStatus(server.url)).map(({ region }) => region).toSorted();
    await expect.poll(regions, { timeout: 20_000 }).toEqual(ELSEWHERE.toSorted());
  });

  test("serves what was written before", async ({ expect }) => {
    const { url } = server;
    const found = await perform(url, "born", { kind: "get" });
    expect(found).toMatchObject({ kind: "ok", found: { value: "in three regions" } });
    const put = await perform(url, "moved", { kind: "put", value: "away" });
    expect(put).toMatchObject({ kind: "ok", wrote: true });
  });
});
