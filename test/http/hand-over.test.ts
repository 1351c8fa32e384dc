// A request that meets a cluster in the midst of a change of leader, while the router serves others.

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { rangeOfKey } from "../../src/api/kv-json.ts";
import type { ClientRequest } from "../../src/api/replica.ts";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import { PLATFORM } from "../../src/http/platform.ts";
import { Router, type Served } from "../../src/http/router.ts";
import { FakeNetwork, follows, inTurn, leads, REGIONS } from "./support/fake-network.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const ANSWERED = { kind: "answered" };

function read(router: Router): Promise<Served> {
  const request: ClientRequest = {
    kind: "range",
    request: rangeOfKey(encodeUtf8("k")),
    serializable: false,
  };
  const requestId = PLATFORM.random(16);
  const errand = { cluster: "default", requestId, trace: "", continent: null };
  return router.serve({ ...errand, request });
}

describe("a leader that hands over", () => {
  test("who asked the next one too early is served as soon as others are", async () => {
    const network = new FakeNetwork({ wnam: leads("wnam", 3) });
    const router = new Router({ ...PLATFORM, network, regions: REGIONS });
    await read(router);
    network.replicas.set("wnam", inTurn(follows(null, 4), follows("enam", 4)));
    network.replicas.set("enam", inTurn(follows(null, 4), leads("enam", 4)));
    network.replicas.set("weur", follows("enam", 4));
    let servedAt = Infinity;
    const early = read(router).finally(() => (servedAt = Date.now()));
    const start = Date.now();
    // The others ask the new leader all the time, so that whoever looks out never does.
    for (let others = 0; others < 100; others++) {
      await vi.advanceTimersByTimeAsync(10);
      expect(await read(router)).toMatchObject(ANSWERED);
    }
    expect(servedAt - start).toBeLessThan(100);
    expect(await early).toMatchObject(ANSWERED);
  });
});
