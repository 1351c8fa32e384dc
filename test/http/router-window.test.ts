// How long the router repeats a write: never up to where replicas forget its request id. Time is played.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import { REQUEST_WINDOW_MS } from "../../src/base/limits.ts";
import { PLATFORM } from "../../src/http/platform.ts";
import { Router } from "../../src/http/router.ts";
import { put } from "../support/requests.ts";
import {
  breaks,
  FakeNetwork,
  follows,
  hangs,
  overwrites,
  REGIONS,
  timesOut,
  type Behaviour,
} from "./support/fake-network.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const BEHAVIOURS: Readonly<Record<string, Behaviour>> = {
  hang: hangs,
  break: breaks,
  "overwrite it": overwrites,
  "give up waiting": timesOut,
  "name one another": follows("enam", 3),
};

test.for(Object.entries(BEHAVIOURS))(
  "no attempt of a write begins, or is waited for, in half the window, when replicas %s",
  async ([, behaviour]) => {
    const began: { readonly until: number; readonly askedAt: number | undefined }[] = [];
    const start = Date.now();
    const noted: Behaviour = (call) => {
      const { askedAt, timeoutMs, request } = call;
      if (request.kind === "put") began.push({ until: Date.now() - start + timeoutMs, askedAt });
      return behaviour(call);
    };
    const network = new FakeNetwork(Object.fromEntries(REGIONS.map((region) => [region, noted])));
    const router = new Router({ ...PLATFORM, network, regions: REGIONS });
    const served = router.serve({
      cluster: "default",
      request: put(encodeUtf8("k"), encodeUtf8("v")),
      requestId: new Uint8Array(16),
      trace: "",
      continent: null,
    });
    await vi.advanceTimersByTimeAsync(REQUEST_WINDOW_MS);
    expect(await served).toMatchObject({ kind: "failed" });
    expect(began.length).toBeGreaterThan(1);
    expect(Math.max(...began.map(({ until }) => until))).toBeLessThan(REQUEST_WINDOW_MS / 2);
    // By which a replica knows an attempt that came too late.
    expect(new Set(began.map(({ askedAt }) => askedAt))).toEqual(new Set([start]));
  },
);
