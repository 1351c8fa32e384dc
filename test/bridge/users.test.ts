// Whose sessions the bridge has, and for how long.

import { afterEach, beforeEach, describe, test, vi } from "vitest";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import type { CallContext } from "../../src/bridge/upstream.ts";
import { Users } from "../../src/bridge/users.ts";
import { watchOf } from "../support/requests.ts";

const NOBODY: CallContext = {
  token: null,
  authorization: null,
  idempotencyKey: null,
  needsLeader: false,
  timeoutMs: null,
  signal: new AbortController().signal,
};
const SITTER = { hear: () => {}, unreached: () => {}, failed: () => {} };

describe("a user of the bridge", () => {
  let users: Users;
  beforeEach(() => {
    vi.useFakeTimers();
    users = new Users({ url: "http://127.0.0.1:9/", token: null });
  });
  afterEach(() => {
    users.close();
    vi.useRealTimers();
  });

  test("is forgotten while nothing of it is under way", ({ expect }) => {
    const first = users.of(NOBODY);
    vi.advanceTimersByTime(60_000);
    expect(users.of(NOBODY)).not.toBe(first);
  });

  test("is found again by a stream that was open for long before it watched", ({ expect }) => {
    const seats = users.seatsOf(NOBODY);
    users.of(NOBODY);
    vi.advanceTimersByTime(60_000);
    seats.seat(watchOf(encodeUtf8("k")), SITTER);
    // Otherwise its session is known to nobody who would close it.
    expect(users.of(NOBODY).seats.isEmpty).toBe(false);
  });
});
