// What an idle replica costs: nothing. The platform takes an object out of memory after 10 s if no
// timer runs, no request is under way and no output is awaited; its sockets stay.

import { beforeAll, describe, test, vi } from "vitest";
import { SESSION_PING, SESSION_PONG } from "../../src/api/session.ts";
import { asMilliseconds, asTerm, type Milliseconds } from "../../src/base/types.ts";
import { pause } from "../../src/object/pause.ts";
import { ReplicaCore } from "../../src/replica/core.ts";
import { ask, createCluster, genesis, leaderOf, put, REGIONS, replica } from "./cluster.ts";
import { connect, watch, type Receiver } from "./receiver.ts";

/**
 * The platform's 10 s, after the 1.5 s in which a call hangs or a cluster falls asleep, and what a
 * loaded machine adds.
 */
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

/**
 * Has the cores of a cluster say that nothing is due, although one of them is cut off: by themselves
 * they would probe it, ever more seldom, and it would campaign.
 */
async function silence(cluster: string): Promise<void> {
  const { clusterId } = (await genesis(cluster).directory())!;
  // oxlint-disable-next-line typescript/unbound-method -- called with the core that it is taken from
  const original = ReplicaCore.prototype.deadline;
  vi.spyOn(ReplicaCore.prototype, "deadline").mockImplementation(deadline);
  function deadline(this: ReplicaCore): Milliseconds {
    const isSilent = this.directory.clusterId === clusterId;
    return isSilent ? asMilliseconds(Infinity) : original.call(this);
  }
  for (const region of REGIONS) await replica(cluster, region).urge(asTerm(0));
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
  await silence("hanging");
  await pause(IDLE_MS);
  vi.restoreAllMocks();
  after = await gather();
}, 30_000);

describe("a cluster with nothing to do", () => {
  test.for(["quiet", "hanging"])("leaves memory: %s", (cluster, { expect }) => {
    expect(after[cluster]).toEqual(before[cluster]!.map((incarnation) => incarnation + 1));
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
