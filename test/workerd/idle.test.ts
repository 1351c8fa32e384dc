// What an idle replica costs: nothing. The platform takes an object out of memory after 10 s if no
// timer runs, no request is under way and no output is awaited; its sockets stay.

import { afterEach, describe, test, vi } from "vitest";
import { SESSION_PING, SESSION_PONG } from "../../src/api/session.ts";
import { asMilliseconds, asTerm } from "../../src/base/types.ts";
import { pause } from "../../src/object/pause.ts";
import { ReplicaCore } from "../../src/replica/core.ts";
import { ask, createCluster, leaderOf, put, REGIONS, replica } from "./cluster.ts";
import { connect, watch, type Receiver } from "./receiver.ts";

const CLUSTER = "idle";

/** The platform's 10 s, and what a loaded machine adds. */
const IDLE_MS = 11_500;

afterEach(() => {
  vi.restoreAllMocks();
});

const incarnations = (): Promise<number[]> =>
  Promise.all(
    REGIONS.map(async (region) => (await replica(CLUSTER, region).status())!.incarnation),
  );

async function watchEverywhere(): Promise<Receiver[]> {
  const receivers = await Promise.all(REGIONS.map((region) => connect(CLUSTER, region)));
  for (const receiver of receivers) {
    receiver.send({ kind: "hello", version: 1 }, watch(0, "a"));
    await receiver.until(() => receiver.frames.length >= 2);
  }
  return receivers;
}

/** Has every core say that nothing is due, as one that is quiescent does. */
async function quiesce(): Promise<void> {
  vi.spyOn(ReplicaCore.prototype, "deadline").mockReturnValue(asMilliseconds(Infinity));
  for (const region of REGIONS) await replica(CLUSTER, region).urge(asTerm(0));
}

describe("a cluster with nothing to do", () => {
  test("leaves memory, and keeps its leader and its sessions", async ({ expect }) => {
    await createCluster(CLUSTER);
    const receivers = await watchEverywhere();
    const leader = await leaderOf(CLUSTER);
    const before = await incarnations();
    await quiesce();
    await pause(IDLE_MS);
    vi.restoreAllMocks();
    expect(await incarnations()).toEqual(before.map((incarnation) => incarnation + 1));

    await ask(CLUSTER, put("a", "1"));
    expect(await leaderOf(CLUSTER)).toBe(leader);
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
