// The router as a table of situations: what the replicas do, and what must come of it. Time is
// played, so that deadlines are exact.

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { rangeOfKey } from "../../src/api/kv-json.ts";
import type { ClientRequest } from "../../src/api/replica.ts";
import type { Refusal } from "../../src/base/refusal.ts";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import { asLogIndex, NO_LEASE } from "../../src/base/types.ts";
import { PLATFORM } from "../../src/http/platform.ts";
import { Router, type Served } from "../../src/http/router.ts";
import {
  breaks,
  directoryOf,
  FakeNetwork,
  follows,
  hangs,
  headerOf,
  inTurn,
  isOverloaded,
  leads,
  overwrites,
  REGIONS,
  slowly,
  timesOut,
  unborn,
  type Behaviour,
} from "./support/fake-network.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const key = encodeUtf8("k");
const READ: ClientRequest = { kind: "range", request: rangeOfKey(key), serializable: false };
const SERIALIZABLE: ClientRequest = { ...READ, serializable: true };
const WRITE: ClientRequest = {
  kind: "put",
  request: {
    key,
    value: key,
    lease: NO_LEASE,
    prevKv: false,
    ignoreValue: false,
    ignoreLease: false,
  },
};

const turnsAwayBy =
  (refusal: Refusal): Behaviour =>
  () => ({ kind: "refused", refusal, header: headerOf("wnam", 3) });

const routerTo = (network: FakeNetwork): Router =>
  new Router({ ...PLATFORM, network, regions: REGIONS });

/** Serves one request while time runs, and tells how long it took. */
async function serve(
  router: Router,
  request: ClientRequest = READ,
  options: { cluster?: string; continent?: string } = {},
): Promise<{ served: Served; ms: number }> {
  const start = Date.now();
  const { cluster = "default", continent = null } = options;
  const requestId = PLATFORM.random(16);
  const done = { ms: -1 };
  const serving = router
    .serve({ cluster, request, requestId, trace: "", continent })
    .finally(() => (done.ms = Date.now() - start));
  while (done.ms < 0) await vi.advanceTimersByTimeAsync(10);
  return { served: await serving, ms: done.ms };
}

const FAILED = (failure: string): object => ({ kind: "failed", failure });
const ANSWERED = { kind: "answered" };

describe("finding the leader", () => {
  test("without a hint the configured regions are asked in order, and redirects followed", async () => {
    const network = new FakeNetwork({
      wnam: follows("weur"),
      enam: follows("weur"),
      weur: leads("weur"),
    });
    const { served } = await serve(routerTo(network));
    expect(served).toMatchObject(ANSWERED);
    expect(network.log).toEqual(["serve wnam", "serve weur"]);
  });

  test("the hint of an answer is used for the next request", async () => {
    const network = new FakeNetwork({ wnam: follows("weur"), weur: leads("weur") });
    const router = routerTo(network);
    await serve(router);
    network.log.length = 0;
    await serve(router);
    expect(network.log).toEqual(["serve weur"]);
  });

  test("the nearest region is asked first", async () => {
    const network = new FakeNetwork({ weur: leads("weur") });
    await serve(routerTo(network), READ, { continent: "EU" });
    expect(network.log).toEqual(["serve weur"]);
  });

  test("a hint of a lower term is passed over", async () => {
    const network = new FakeNetwork({
      wnam: follows("enam", 5),
      enam: inTurn(follows(null, 6), leads("enam", 7)),
      weur: follows("wnam", 4),
    });
    const { served } = await serve(routerTo(network));
    expect(served).toMatchObject({ header: { term: 7 } });
    // weur's hint of term 4 names wnam, which was not asked again in that round.
    expect(network.log).toEqual([
      "serve wnam",
      "serve enam",
      "serve weur",
      "serve wnam",
      "serve enam",
    ]);
  });

  test("two that name each other are not asked in circles", async () => {
    const network = new FakeNetwork({
      wnam: follows("enam"),
      enam: follows("wnam"),
      weur: follows("enam"),
    });
    const { served, ms } = await serve(routerTo(network));
    expect(served).toMatchObject(FAILED("timeout"));
    expect(ms).toBeGreaterThanOrEqual(7_000);
    expect(network.log.length).toBeLessThan(150);
  });

  test("while there is no leader it pauses, and then asks again", async () => {
    const network = new FakeNetwork({
      wnam: inTurn(follows(null), follows(null), leads("wnam", 2)),
      enam: follows(null),
      weur: follows(null),
    });
    const { served, ms } = await serve(routerTo(network));
    expect(served).toMatchObject(ANSWERED);
    expect(ms).toBeGreaterThan(40);
    expect(ms).toBeLessThan(250);
  });

  test("without any leader for seven seconds nothing has happened, and the client hears so", async () => {
    const network = new FakeNetwork({
      wnam: follows(null),
      enam: follows(null),
      weur: follows(null),
    });
    const { served, ms } = await serve(routerTo(network), WRITE);
    expect(served).toEqual(FAILED("noLeader"));
    expect(ms).toBeLessThan(7_300);
  });
});

describe("a leader that is lost", () => {
  /** A router that believes in wnam at term 3. */
  async function believing(network: FakeNetwork): Promise<Router> {
    const router = routerTo(network);
    network.replicas.set("wnam", leads("wnam", 3));
    await serve(router);
    network.log.length = 0;
    network.calls.length = 0;
    return router;
  }

  test("that breaks: the next is asked at once, and nobody need campaign yet", async () => {
    const network = new FakeNetwork({
      enam: inTurn(follows("wnam", 3), leads("enam", 4)),
      weur: follows("wnam", 3),
    });
    const router = await believing(network);
    network.replicas.set("wnam", breaks);
    const { served, ms } = await serve(router, WRITE);
    expect(served).toMatchObject({ header: { term: 4 } });
    expect(ms).toBeLessThan(250);
    expect(network.log.slice(0, 3)).toEqual(["serve wnam", "serve enam", "serve weur"]);
    expect(network.log.join()).not.toContain("urge");
  });

  test("that breaks with many calls under way at once has failed once", async () => {
    const network = new FakeNetwork({ enam: follows("wnam", 3), weur: follows("wnam", 3) });
    const router = await believing(network);
    const calls = Array.from({ length: 16 }, () => breaks);
    network.replicas.set("wnam", inTurn(...calls, leads("wnam", 3)));
    const served = await Promise.all(calls.map(() => serve(router, WRITE)));
    for (const { ms } of served) expect(ms).toBeLessThan(1_000);
    expect(network.log.join()).not.toContain("urge");
  });

  test("that hangs: after one second the others are asked, and one may campaign", async () => {
    const network = new FakeNetwork({
      enam: inTurn(follows("wnam", 3), leads("enam", 4)),
      weur: follows("wnam", 3),
    });
    const router = await believing(network);
    network.replicas.set("wnam", hangs);
    const { served, ms } = await serve(router, WRITE);
    expect(served).toMatchObject(ANSWERED);
    expect(ms).toBeGreaterThanOrEqual(1_000);
    expect(ms).toBeLessThan(1_300);
    expect(network.log.filter((line) => line.startsWith("urge"))).toEqual(["urge enam 3"]);
    expect(network.log.filter((line) => line === "serve wnam")).toHaveLength(1);
  });

  test("that is at work for long: nobody need campaign, and others are served at once", async () => {
    const network = new FakeNetwork({ enam: follows("wnam", 3), weur: follows("wnam", 3) });
    const router = await believing(network);
    network.replicas.set("wnam", (call) =>
      (call.request.kind === "put" ? slowly(6_000, leads("wnam", 3)) : leads("wnam", 3))(call),
    );
    const writing = serve(router, WRITE);
    await vi.advanceTimersByTimeAsync(2_000);
    const { ms } = await serve(router, READ);
    expect(ms).toBeLessThan(50);
    expect((await writing).served).toMatchObject({ header: { term: 3 } });
    expect(network.log.join()).not.toContain("urge");
    // The write and the read, each once.
    expect(network.log.filter((line) => line === "serve wnam")).toHaveLength(2);
  });

  test("that broke, and then turns a repeat away: the fate of a write stays unknown", async () => {
    const refusals = ["tooManyRequests", "noSpace", "corrupt", "permissionDenied"] as const;
    for (const turnsAway of [isOverloaded, ...refusals.map(turnsAwayBy)]) {
      const network = new FakeNetwork({ enam: follows("wnam", 3), weur: follows("wnam", 3) });
      const router = await believing(network);
      network.replicas.set("wnam", inTurn(breaks, turnsAway));
      const { served } = await serve(router, WRITE);
      expect(served).toEqual({ kind: "failed", failure: "timeout" });
    }
  });

  test("that breaks again and again: one other may campaign, once for the lost term", async () => {
    const network = new FakeNetwork({
      enam: inTurn(...Array.from({ length: 12 }, () => follows("wnam", 3)), leads("enam", 4)),
      weur: follows("wnam", 3),
    });
    const router = await believing(network);
    network.replicas.set("wnam", breaks);
    await Promise.all([serve(router), serve(router), serve(router, WRITE)]);
    expect(network.log.filter((line) => line.startsWith("urge"))).toEqual(["urge enam 3"]);
  });

  test("that was only aborted is asked again in a moment", async () => {
    const network = new FakeNetwork({ enam: follows("wnam", 3), weur: follows("wnam", 3) });
    const router = await believing(network);
    network.replicas.set("wnam", inTurn(breaks, leads("wnam", 3)));
    const { served, ms } = await serve(router, WRITE);
    expect(served).toMatchObject({ header: { term: 3 } });
    expect(ms).toBeLessThan(300);
  });

  test("that is only slow: its late answer counts, and it is not asked twice", async () => {
    for (const toProbe of [leads("wnam", 3), turnsAwayBy("tooManyRequests")]) {
      const network = new FakeNetwork({ enam: follows("wnam", 3), weur: follows("wnam", 3) });
      const router = await believing(network);
      const work = slowly(1_700, leads("wnam", 3));
      network.replicas.set("wnam", (call) => (call.request.kind === "put" ? work : toProbe)(call));
      const { served, ms } = await serve(router, WRITE);
      expect(served).toMatchObject({ header: { term: 3 } });
      expect(ms).toBeLessThan(1_750);
      expect(network.log.filter((line) => /urge|serve wnam/u.test(line))).toEqual(["serve wnam"]);
    }
  });

  test("every attempt of a write carries the same request id, and another write another", async () => {
    const network = new FakeNetwork({
      enam: inTurn(breaks, overwrites, leads("enam", 4)),
      weur: follows(null, 3),
    });
    const router = await believing(network);
    network.replicas.set("wnam", breaks);
    await serve(router, WRITE);
    const ids = new Set(network.calls.map(({ requestId }) => requestId.join()));
    expect(network.calls.length).toBeGreaterThan(3);
    expect(ids.size).toBe(1);
    await serve(router, WRITE);
    expect(new Set(network.calls.map(({ requestId }) => requestId.join())).size).toBe(2);
  });

  test("for good: the client hears of a timeout after seven seconds, not later", async () => {
    const network = new FakeNetwork({ enam: hangs, weur: hangs });
    const router = await believing(network);
    network.replicas.set("wnam", hangs);
    const { served, ms } = await serve(router, WRITE);
    expect(served).toEqual(FAILED("timeout"));
    expect(ms).toBeGreaterThanOrEqual(7_000);
    expect(ms).toBeLessThan(7_050);
    for (const { timeoutMs } of network.calls) expect(timeoutMs).toBeLessThanOrEqual(7_000);
  });

  test("a replica that gives up its wait is not the end while there is time", async () => {
    const network = new FakeNetwork({ enam: leads("enam", 4), weur: follows("wnam", 3) });
    const router = await believing(network);
    network.replicas.set("wnam", timesOut);
    expect((await serve(router, WRITE)).served).toMatchObject({ header: { term: 4 } });
  });
});

describe("answers that end the search", () => {
  test("overload is reported, not retried", async () => {
    const network = new FakeNetwork({ wnam: isOverloaded, enam: leads("enam") });
    expect((await serve(routerTo(network))).served).toEqual(FAILED("overloaded"));
    expect(network.log).toEqual(["serve wnam"]);
  });

  test("a refusal is the leader's word", async () => {
    const network = new FakeNetwork({
      wnam: () => ({ kind: "refused", refusal: "keyNotProvided", header: headerOf("wnam", 1) }),
    });
    expect((await serve(routerTo(network))).served).toMatchObject({ refusal: "keyNotProvided" });
    expect(network.log).toEqual(["serve wnam"]);
  });

  test("an overwritten write never happened, and is asked again", async () => {
    const network = new FakeNetwork({
      wnam: inTurn(overwrites, follows("enam", 2)),
      enam: leads("enam", 2),
    });
    expect((await serve(routerTo(network), WRITE)).served).toMatchObject(ANSWERED);
  });

  test("a serializable range is content with the first that answers, and learns no leader", async () => {
    const network = new FakeNetwork({ wnam: hangs, enam: leads("enam"), weur: leads("weur", 2) });
    const router = routerTo(network);
    const { ms } = await serve(router, SERIALIZABLE);
    expect(network.log).toEqual(["serve wnam", "probe wnam", "serve enam"]);
    expect(ms).toBeLessThan(1_100);
    network.log.length = 0;
    await serve(router, SERIALIZABLE, { continent: "EU" });
    expect(network.log).toEqual(["serve weur"]);
  });
});

describe("members that were removed", () => {
  const tellsOf = (regions: readonly string[]): Behaviour => {
    const directory = { ...directoryOf(regions), version: asLogIndex(9) };
    return () => ({ kind: "removed", directory });
  };

  test("tell where the others are, and are not asked again", async () => {
    const network = new FakeNetwork({
      wnam: tellsOf(["enam", "weur"]),
      enam: follows("weur", 3, ["enam", "weur"]),
      weur: leads("weur", 3),
    });
    const router = routerTo(network);
    for (let count = 0; count < 2; count++) {
      expect((await serve(router)).served).toMatchObject(ANSWERED);
      expect((await serve(router, SERIALIZABLE)).served).toMatchObject(ANSWERED);
    }
    expect(network.log.filter((line) => line === "serve wnam")).toHaveLength(1);
    expect(network.log.join()).not.toContain("genesis");
  });

  test("when there is nobody else, genesis is asked", async () => {
    const network = new FakeNetwork({ wnam: tellsOf(["wnam"]), weur: leads("weur") });
    network.directory = { ...directoryOf(["weur"]), version: asLogIndex(12) };
    const router = new Router({ ...PLATFORM, network, regions: ["wnam"] });
    const { served, ms } = await serve(router, WRITE);
    expect(served).toMatchObject(ANSWERED);
    expect(ms).toBeLessThanOrEqual(10);
    expect(network.log).toEqual(["serve wnam", "genesis directory default", "serve weur"]);
  });
});

describe("birth", () => {
  test("`default` is created by its first request", async () => {
    const network = new FakeNetwork();
    network.directory = null;
    expect((await serve(routerTo(network))).served).toMatchObject(ANSWERED);
    expect(network.log).toEqual([
      "serve wnam",
      "genesis directory default",
      "genesis create default",
      "serve wnam",
    ]);
  });

  test("a read of an unknown cluster creates nothing", async () => {
    const network = new FakeNetwork();
    network.directory = null;
    const { served } = await serve(routerTo(network), READ, { cluster: "other" });
    expect(served).toEqual(FAILED("unknownCluster"));
    expect(network.log).toEqual(["probe wnam", "genesis directory other"]);
  });

  test("other regions than the configured ones: genesis is the directory", async () => {
    const network = new FakeNetwork({ weur: leads("weur") });
    network.directory = directoryOf(["weur"]);
    expect((await serve(routerTo(network))).served).toMatchObject(ANSWERED);
    expect(network.log).toEqual(["serve wnam", "genesis directory default", "serve weur"]);
  });

  test("genesis is asked once in a request, also when nobody answers", async () => {
    const network = new FakeNetwork({ wnam: breaks, enam: unborn, weur: hangs });
    await serve(routerTo(network));
    expect(network.log.filter((line) => line.startsWith("genesis"))).toHaveLength(1);
  });
});
