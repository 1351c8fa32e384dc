// What the client takes from the world: its clock, by which requests are repeated and leases believed in.

import { afterEach, beforeEach, describe, test, vi } from "vitest";
import { WEB_PLATFORM } from "../../src/client/platform.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("the clock", () => {
  test("does not go back, and goes on when the machine has slept", ({ expect }) => {
    const { clock } = WEB_PLATFORM;
    const began = clock();
    vi.setSystemTime(Date.now() - 3_600_000);
    expect(clock()).toBe(began);
    vi.advanceTimersByTime(5_000);
    expect(clock()).toBe(began + 5_000);
    vi.setSystemTime(Date.now() + 60_000);
    expect(clock()).toBe(began + 65_000);
  });
});
