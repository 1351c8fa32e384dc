// Goal: people who type into etcdctl see what they would see of etcd. Method: one script, typed against a
// running server's gRPC port, and compared line by line with what was printed when it was typed against
// a real etcd of etcdctl's own version. It needs etcdctl, in the path or named by ETCDCTL.

import { afterAll, beforeAll, describe, test } from "vitest";
import { DIFFERENCES } from "../etcdctl/differences.ts";
import { readExchanges } from "../etcdctl/recording.ts";
import { SCRIPT } from "../etcdctl/script.ts";
import { findEtcdctl, Terminal } from "../etcdctl/terminal.ts";
import { freePort, startServer, type Server } from "../support/server.ts";

const VERSIONS = ["3.4.23", "3.5.16"];
const etcdctl = findEtcdctl();
const recorded = etcdctl === null ? null : readExchanges(etcdctl.version);

test.for(VERSIONS)("what was recorded of %s is of the script", (version, { expect }) => {
  const exchanges = readExchanges(version) ?? [];
  expect(exchanges.map(({ args }) => args)).toEqual(SCRIPT.map(({ args }) => args));
  expect(exchanges.length).toBeGreaterThan(200);
});

test("what differs was recorded so, of one version or the other", ({ expect }) => {
  const exchanges = VERSIONS.flatMap((version) => readExchanges(version) ?? []);
  for (const { args, there } of DIFFERENCES) {
    expect(exchanges).toContainEqual({ args, printed: there });
  }
});

/** Why nothing is typed, if nothing is. */
const absence =
  etcdctl === null
    ? "there is none in the path, and none named by ETCDCTL"
    : `nothing was recorded of version ${etcdctl.version}`;
const found = recorded === null ? absence : `version ${etcdctl?.version}`;

describe.skipIf(recorded === null)(`etcdctl: ${found}`, () => {
  let server: Server;
  let terminal: Terminal;

  beforeAll(async () => {
    const grpcPort = await freePort();
    server = await startServer({ regions: ["wnam"], grpcPort });
    terminal = new Terminal(etcdctl!.program, `127.0.0.1:${grpcPort}`);
  });
  afterAll(async () => {
    terminal.close();
    await server.stop();
  });

  test.for(SCRIPT.map((invocation, n) => ({ ...invocation, n })))(
    "$n: $args",
    async ({ n, ...invocation }, { expect }) => {
      const { args, printed } = recorded![n]!;
      const difference = DIFFERENCES.find(
        (known) => known.args === args && known.there === printed,
      );
      expect(await terminal.type(invocation)).toBe(difference?.here ?? printed);
    },
  );
});
