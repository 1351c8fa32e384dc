// A replica's sessions on real sockets: what the receiver sees of the platform's part in it.

import { beforeAll, describe, test } from "vitest";
import { CLOSE_PROTOCOL, CLOSE_RESUME, SESSION_PING, SESSION_PONG } from "../../src/api/session.ts";
import { ask, createCluster, leaderOf, put, REGIONS, replica } from "./cluster.ts";
import { connect, watch } from "./receiver.ts";

const CLUSTER = "sessions";

describe("a session", () => {
  beforeAll(async () => {
    await createCluster(CLUSTER);
  });

  test("is served by any replica, and hears of every put", async ({ expect }) => {
    const receivers = await Promise.all(REGIONS.map((region) => connect(CLUSTER, region)));
    for (const receiver of receivers) receiver.send({ kind: "hello", version: 1 }, watch(0, "a"));
    for (const receiver of receivers) await receiver.until(() => receiver.frames.length >= 2);
    for (const value of ["1", "2", "3"]) await ask(CLUSTER, put("a", value));
    for (const receiver of receivers) {
      await receiver.until(() => receiver.events.length >= 3);
      expect(receiver.events).toEqual(["1", "2", "3"]);
      receiver.close();
    }
  });

  test("answers pings by the platform", async ({ expect }) => {
    const receiver = await connect(CLUSTER, await leaderOf(CLUSTER));
    receiver.sendRaw(SESSION_PING);
    await receiver.until(() => receiver.texts.length > 0);
    expect(receiver.texts).toEqual([SESSION_PONG]);
    receiver.close();
  });

  test("ends when its receiver breaks the protocol", async ({ expect }) => {
    const receiver = await connect(CLUSTER, await leaderOf(CLUSTER));
    receiver.sendRaw(new Uint8Array([255, 255, 255]));
    expect(await receiver.closed.promise).toBe(CLOSE_PROTOCOL);
  });

  test("falls silent while its replica is isolated, and must resume when it is healed", async ({
    expect,
  }) => {
    const leader = await leaderOf(CLUSTER);
    const follower = REGIONS.find((region) => region !== leader)!;
    const receiver = await connect(CLUSTER, follower);
    receiver.send({ kind: "hello", version: 1 }, watch(0, "b"));
    await receiver.until(() => receiver.frames.length >= 2);
    await replica(CLUSTER, follower).lab("isolate");
    receiver.sendRaw(SESSION_PING);
    await ask(CLUSTER, put("b", "unheard"));
    await replica(CLUSTER, follower).lab("heal");
    expect(await receiver.closed.promise).toBe(CLOSE_RESUME);
    expect([receiver.events, receiver.texts]).toEqual([[], []]);

    const resumed = await connect(CLUSTER, leader);
    resumed.send({ kind: "hello", version: 1 }, watch(0, "b", 2));
    await resumed.until(() => resumed.events.length > 0);
    expect(resumed.events).toEqual(["unheard"]);
    resumed.close();
  });
});
