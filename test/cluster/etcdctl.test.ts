// Goal: people who type into etcdctl see what they would see of etcd. Method: one script, typed against a
// running server's gRPC port, and compared line by line with what was printed when it was typed against
// a real etcd. It needs etcdctl, in the path or named by ETCDCTL.

import { afterAll, beforeAll, describe, test } from "vitest";
import { findEtcdctl, Terminal } from "../bridge/etcdctl.ts";
import { readExchanges } from "../bridge/etcdctl-recording.ts";
import { SCRIPT } from "../bridge/etcdctl-script.ts";
import { freePort, startServer, type Server } from "../support/server.ts";

const program = findEtcdctl();
const recorded = readExchanges();

test("the recording is of the script", ({ expect }) => {
  expect(recorded.map(({ args }) => args)).toEqual(SCRIPT.map(({ args }) => args));
  expect(recorded.length).toBeGreaterThan(30);
});

describe.skipIf(program === null)("etcdctl, in the path or named by ETCDCTL", () => {
  let server: Server;
  let terminal: Terminal;

  beforeAll(async () => {
    const grpcPort = await freePort();
    server = await startServer({ regions: ["wnam"], grpcPort });
    terminal = new Terminal(program!, `127.0.0.1:${grpcPort}`);
  });
  afterAll(async () => {
    terminal.close();
    await server.stop();
  });

  test.for(SCRIPT.map((invocation, n) => ({ ...invocation, n })))(
    "$n: $args",
    async ({ n, ...invocation }, { expect }) => {
      expect(await terminal.type(invocation)).toBe(recorded[n]!.printed);
    },
  );
});
