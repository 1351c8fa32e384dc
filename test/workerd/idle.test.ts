// What an idle replica costs: nothing. The platform takes an object out of memory after 10 s if no
// timer runs, no request is under way and no output is awaited; its sockets stay.

import { beforeAll, describe, test, vi } from "vitest";
import { SESSION_PING, SESSION_PONG } from "../../src/api/session.ts";
import { asMilliseconds, asTerm } from "../../src/base/types.ts";
import { pause } from "../../src/object/pause.ts";
import { ReplicaCore } from "../../src/replica/core.ts";
import { ask, createCluster, leaderOf, put, REGIONS, replica } from "./cluster.ts";
import { connect, watch, type Receiver } from "./receiver.ts";

/** The platform's 10 s, after the 1.5 s in which a call hangs, and what a loaded machine adds. */
const IDLE_MS = 13_500;

let before: Record<string, number[]>;
let after: Record<string, number[]>;
let receivers: Receiver[];
let leader: string;

const incarnations = (cluster: string): Promise<number[]> =>
  Promise.all(
    REGIONS.map(async (region) => (await replica(cluster, region).status())!.incarnation),
  );

const gather = async (): Promise<Record<string, number[]>> => ({
  quiet: await incarnations("quiet"),
  hanging: await incarnations("hanging"),
});

async function watchEverywhere(cluster: string): Promise<Receiver[]> {
  const all = await Promise.all(REGIONS.map((region) => connect(cluster, region)));
  for (const receiver of all) {
    receiver.send({ kind: "hello", version: 1 }, watch(0, "a"));
    await receiver.until(() => receiver.frames.length >= 2);
  }
  return all;
}

/** Has every core say that nothing is due, as one that is quiescent does. */
async function quiesce(): Promise<void> {
  vi.spyOn(ReplicaCore.prototype, "deadline").mockReturnValue(asMilliseconds(Infinity));
  for (const cluster of ["quiet", "hanging"]) {
    for (const region of REGIONS) await replica(cluster, region).urge(asTerm(0));
  }
}

// One sleep for all tests: it takes long enough.
beforeAll(async () => {
  await createCluster("quiet");
  await createCluster("hanging");
  receivers = await watchEverywhere("quiet");
  leader = await leaderOf("quiet");
  const hangingLeader = await leaderOf("hanging");
  const [silent] = REGIONS.filter((region) => region !== hangingLeader);
  await replica("hanging", silent!).lab("isolate");
  // The leader has called it, and waits for what never comes.
  await pause(200);
  before = await gather();
  await quiesce();
  await pause(IDLE_MS);
  vi.restoreAllMocks();
  after = await gather();
}, 30_000);

describe("a cluster with nothing to do", () => {
  test("leaves memory, even while a call to a peer hung", ({ expect }) => {
    for (const [cluster, counts] of Object.entries(before)) {
      expect(after[cluster]).toEqual(counts.map((incarnation) => incarnation + 1));
    }
  });

  test("keeps its leader and its sessions", async ({ expect }) => {
    await ask("quiet", put("a", "1"));
    expect(await leaderOf("quiet")).toBe(leader);
    for (const receiver of receivers) {
      await receiver.until(() => receiver.events.length > 0);
      expect(receiver.events).toEqual(["1"]);
      receiver.sendRaw(SESSION_PING);
      await receiver.until(() => receiver.texts.length > 0);
      expect(receiver.texts).toEqual([SESSION_PONG]);
      receiver.close();
    }
  });
});
