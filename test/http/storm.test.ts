// Many requests at once while there is no leader, or no replica at all: however many wait, the
// replicas hear of one, and when there is someone to ask again everybody is served.

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { rangeOfKey } from "../../src/api/kv-json.ts";
import type { ClientRequest, Freshness } from "../../src/api/replica.ts";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import { asRevision } from "../../src/base/types.ts";
import { WAITING_MAX } from "../../src/http/lookout.ts";
import { PLATFORM } from "../../src/http/platform.ts";
import { Router, type Served } from "../../src/http/router.ts";
import {
  breaks,
  directoryOf,
  FakeNetwork,
  follows,
  hangs,
  inTurn,
  leads,
  REGIONS,
  slowly,
  unborn,
} from "./support/fake-network.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const READ: ClientRequest = {
  kind: "range",
  request: rangeOfKey(encodeUtf8("k")),
  serializable: false,
};
const SERIALIZABLE: ClientRequest = { ...READ, serializable: true };
const FRESH: Freshness = { minRevision: asRevision(5), maxStalenessMs: null };

const routerTo = (network: FakeNetwork): Router =>
  new Router({ ...PLATFORM, network, regions: REGIONS });

interface Wave {
  readonly outcomes: Served[];
  /** How many have an outcome. */
  readonly served: () => number;
}

/** Sends so many requests at once. */
function send(
  router: Router,
  count: number,
  options: { request?: ClientRequest; cluster?: string; freshness?: Freshness } = {},
): Wave {
  const { request = READ, cluster = "default", freshness } = options;
  const outcomes: Served[] = [];
  for (let index = 0; index < count; index++) {
    const requestId = PLATFORM.random(16);
    void router
      .serve({
        cluster,
        request,
        requestId,
        trace: "",
        continent: null,
        ...(freshness === undefined ? {} : { freshness }),
      })
      .then((served) => outcomes.push(served));
  }
  return { outcomes, served: () => outcomes.length };
}

const kinds = (wave: Wave): string[] => [
  ...new Set(wave.outcomes.map((one) => (one.kind === "failed" ? one.failure : one.kind))),
];

const leaderless = (): FakeNetwork =>
  new FakeNetwork({ wnam: follows(null), enam: follows(null), weur: follows(null) });

/** Calls made in each of the next seconds. */
async function callsPerSecond(network: FakeNetwork, seconds: number): Promise<number[]> {
  const counts: number[] = [];
  for (let second = 0; second < seconds; second++) {
    const before = network.log.length;
    await vi.advanceTimersByTimeAsync(1_000);
    counts.push(network.log.length - before);
  }
  return counts;
}

describe("500 requests while there is no leader", () => {
  test("make a handful of calls each second, and are served together once one leads", async () => {
    const network = leaderless();
    const wave = send(routerTo(network), 500);
    const [first, ...others] = await callsPerSecond(network, 4);
    expect(first).toBeLessThan(20);
    for (const count of others) expect(count).toBeLessThanOrEqual(9);
    expect(wave.served()).toBe(0);
    network.replicas.set("enam", leads("enam", 2));
    network.log.length = 0;
    // Each of the others may be asked first.
    await vi.advanceTimersByTimeAsync(1_200);
    expect(wave.served()).toBe(500);
    expect(kinds(wave)).toEqual(["answered"]);
    expect(network.log.length).toBeLessThan(510);
  });

  test("that come one after another, and give up one after another, make no more", async () => {
    const network = leaderless();
    const router = routerTo(network);
    const waves: Wave[] = [];
    const counts: number[] = [];
    for (let step = 0; step < 600; step++) {
      waves.push(send(router, 1));
      const before = network.log.length;
      await vi.advanceTimersByTimeAsync(20);
      counts.push(network.log.length - before);
    }
    const later = counts.slice(100).reduce((sum, count) => sum + count, 0);
    expect(later / 10).toBeLessThanOrEqual(9);
    expect(kinds(waves[0]!)).toEqual(["noLeader"]);
  });

  test("that is believed in but hangs: they wait, and go on with the next", async () => {
    const network = new FakeNetwork({ wnam: leads("wnam", 3), enam: follows("wnam", 3) });
    network.replicas.set("weur", follows("wnam", 3));
    const router = routerTo(network);
    send(router, 1);
    await vi.advanceTimersByTimeAsync(10);
    network.replicas.set("wnam", hangs);
    const wave = send(router, 500);
    await vi.advanceTimersByTimeAsync(1_100);
    network.log.length = 0;
    const counts = await callsPerSecond(network, 2);
    for (const count of counts) expect(count).toBeLessThan(20);
    network.replicas.set("enam", leads("enam", 4));
    await vi.advanceTimersByTimeAsync(1_500);
    expect([wave.served(), kinds(wave)]).toEqual([500, ["answered"]]);
  });

  test("of one that restarts in its term: one asks it again, and all are served", async () => {
    const network = new FakeNetwork({ wnam: leads("wnam", 3), enam: follows("wnam", 3) });
    network.replicas.set("weur", follows("wnam", 3));
    const router = routerTo(network);
    send(router, 1);
    await vi.advanceTimersByTimeAsync(10);
    network.replicas.set("wnam", breaks);
    const wave = send(router, 500);
    await vi.advanceTimersByTimeAsync(5);
    network.log.length = 0;
    await vi.advanceTimersByTimeAsync(500);
    expect(network.log.length).toBeLessThan(30);
    network.replicas.set("wnam", leads("wnam", 3));
    await vi.advanceTimersByTimeAsync(2_500);
    expect([wave.served(), kinds(wave)]).toEqual([500, ["answered"]]);
  });

  test("of which the holder of the lookout gives up: the next one takes it over", async () => {
    const network = leaderless();
    const router = routerTo(network);
    const early = send(router, 1);
    await vi.advanceTimersByTimeAsync(3_000);
    const late = send(router, 100);
    await vi.advanceTimersByTimeAsync(4_100);
    expect(kinds(early)).toEqual(["noLeader"]);
    network.replicas.set("weur", leads("weur", 2));
    await vi.advanceTimersByTimeAsync(1_200);
    expect([late.served(), kinds(late)]).toEqual([100, ["answered"]]);
  });

  test("beyond the bound they are turned away at once", async () => {
    const network = leaderless();
    const wave = send(routerTo(network), WAITING_MAX + 20);
    await vi.advanceTimersByTimeAsync(100);
    expect([wave.served(), kinds(wave)]).toEqual([20, ["overloaded"]]);
  });
});

test("first requests that take long do not keep the others waiting for news", async () => {
  const network = new FakeNetwork({
    wnam: (call) =>
      (call.request.kind === "leaseLeases" ? slowly(5_000, leads("wnam")) : leads("wnam"))(call),
  });
  const router = routerTo(network);
  const slow = send(router, 8, { request: { kind: "leaseLeases" } });
  const wave = send(router, 100);
  await vi.advanceTimersByTimeAsync(1_000);
  expect([wave.served(), kinds(wave)]).toEqual([100, ["answered"]]);
  await vi.advanceTimersByTimeAsync(4_500);
  expect(kinds(slow)).toEqual(["answered"]);
  expect(network.log.filter((line) => line === "serve wnam")).toHaveLength(108);
});

describe("requests that the platform drops, because their clients have gone", () => {
  /** Its requests stop where they are while `state.drops`: no timer of theirs fires. */
  function dropping(network: FakeNetwork): { router: Router; state: { drops: boolean } } {
    const state = { drops: true };
    const sleep: typeof PLATFORM.sleep = (ms, signal) =>
      state.drops ? Promise.withResolvers<never>().promise : PLATFORM.sleep(ms, signal);
    return { router: new Router({ ...PLATFORM, network, regions: REGIONS, sleep }), state };
  }

  test("do not keep the lookout", async () => {
    const network = new FakeNetwork({ wnam: inTurn(hangs, leads("wnam")) });
    const { router, state } = dropping(network);
    send(router, 1);
    state.drops = false;
    const wave = send(router, 100);
    await vi.advanceTimersByTimeAsync(3_100);
    expect([wave.served(), kinds(wave)]).toEqual([100, ["answered"]]);
  });

  test("do not fill the room for those that wait", async () => {
    const network = leaderless();
    const { router, state } = dropping(network);
    send(router, WAITING_MAX);
    await vi.advanceTimersByTimeAsync(6_000);
    state.drops = false;
    const early = send(router, 1);
    await vi.advanceTimersByTimeAsync(1_100);
    expect(kinds(early)).toEqual(["overloaded"]);
    const wave = send(router, WAITING_MAX);
    await vi.advanceTimersByTimeAsync(100);
    expect(wave.served()).toBe(0);
  });

  test("do not keep the others from genesis", async () => {
    const network = new FakeNetwork({ wnam: unborn, apac: leads("apac") });
    network.directory = directoryOf(["apac"]);
    const genesis = network.genesis.bind(network);
    const { router, state } = dropping(network);
    const answer = Promise.withResolvers<never>();
    network.genesis = (cluster) => ({ ...genesis(cluster), directory: () => answer.promise });
    send(router, 1);
    await vi.advanceTimersByTimeAsync(10);
    state.drops = false;
    network.genesis = genesis;
    const wave = send(router, 100);
    await vi.advanceTimersByTimeAsync(4_000);
    expect([wave.served(), kinds(wave)]).toEqual([100, ["answered"]]);
  });
});

describe("reads that any replica may answer", () => {
  test("while no replica answers, 500 of them make no more calls than one", async () => {
    const network = new FakeNetwork({ wnam: breaks, enam: breaks, weur: breaks });
    const router = routerTo(network);
    const wave = send(router, 500, { request: SERIALIZABLE });
    await vi.advanceTimersByTimeAsync(100);
    for (const count of await callsPerSecond(network, 3)) expect(count).toBeLessThan(25);
    network.replicas.set("weur", follows(null));
    network.replicas.set("enam", leads("enam"));
    await vi.advanceTimersByTimeAsync(3_500);
    expect([wave.served(), kinds(wave)]).toEqual([500, ["answered"]]);
  });

  test("fresh ones wait for a leader as others do, without a storm", async () => {
    const network = leaderless();
    const wave = send(routerTo(network), 500, { freshness: FRESH });
    await vi.advanceTimersByTimeAsync(100);
    for (const count of await callsPerSecond(network, 3)) expect(count).toBeLessThan(20);
    network.replicas.set("wnam", leads("wnam", 2));
    await vi.advanceTimersByTimeAsync(1_500);
    expect([wave.served(), kinds(wave)]).toEqual([500, ["answered"]]);
  });

  test("whose nearest object is unborn do not ask genesis each time", async () => {
    const network = new FakeNetwork({ wnam: unborn, enam: leads("enam"), weur: leads("weur") });
    const router = routerTo(network);
    for (let count = 0; count < 50; count++) {
      const wave = send(router, 1, { request: SERIALIZABLE });
      await vi.advanceTimersByTimeAsync(100);
      expect(kinds(wave)).toEqual(["answered"]);
    }
    const asked = (what: string): number => network.log.filter((line) => line === what).length;
    expect(asked("genesis directory default")).toBe(1);
    // It is tried now and then, less and less often.
    expect(asked("serve wnam")).toBeLessThan(12);
  });
});

describe("genesis", () => {
  test("creates `default` once for all who ask for it at once", async () => {
    const network = new FakeNetwork();
    network.directory = null;
    const router = routerTo(network);
    const waves = [send(router, 100), send(router, 100, { request: SERIALIZABLE })];
    await vi.advanceTimersByTimeAsync(500);
    for (const wave of waves) expect([wave.served(), kinds(wave)]).toEqual([100, ["answered"]]);
    expect(network.log.filter((line) => line.startsWith("genesis"))).toEqual([
      "genesis directory default",
      "genesis create default",
    ]);
  });

  test("tells all who wait that there is no such cluster, and is asked anew by the next", async () => {
    const network = new FakeNetwork();
    network.directory = null;
    const router = routerTo(network);
    const wave = send(router, 200, { cluster: "other" });
    await vi.advanceTimersByTimeAsync(100);
    expect([wave.served(), kinds(wave)]).toEqual([200, ["unknownCluster"]]);
    expect(network.log).toEqual(["probe wnam", "genesis directory other"]);
    network.directory = directoryOf(["weur"]);
    network.replicas.set("weur", leads("weur"));
    const next = send(router, 10, { cluster: "other" });
    await vi.advanceTimersByTimeAsync(100);
    expect([next.served(), kinds(next)]).toEqual([10, ["answered"]]);
  });
});
