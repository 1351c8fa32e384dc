// When a replica's object wakes by itself: what runs a timer, what sets the alarm, and what neither.
// Time, timers and the alarm are fakes, so that each setting can be counted: it costs a row.

import { beforeEach, describe, test } from "vitest";
import { asMilliseconds, later, type Milliseconds } from "../../src/base/types.ts";
import { Wakeups, type Need, type WakeupPlatform } from "../../src/object/wakeups.ts";

const START = asMilliseconds(1_000_000);

/** One object's clock, timers and alarm. The alarm is stored: it outlives the instance. */
class FakePlatform implements WakeupPlatform {
  time: Milliseconds = START;
  alarmAt: Milliseconds | null = null;
  settings: number[] = [];
  readonly timers = new Map<number, { at: Milliseconds; fire: () => void }>();
  #lastTimer = 0;

  now = (): Milliseconds => this.time;
  startTimer = (fire: () => void, ms: number): number => {
    this.timers.set(++this.#lastTimer, { at: later(this.time, ms), fire });
    return this.#lastTimer;
  };
  stopTimer = (timer: number): void => void this.timers.delete(timer);
  setAlarm = (ms: number): void => {
    this.alarmAt = later(this.time, ms);
    this.settings.push(ms);
  };
  alarmIn = async (): Promise<number | null> =>
    this.alarmAt === null ? null : this.alarmAt - this.time;

  /** When timers are to fire, relative to the start. */
  get pending(): number[] {
    return [...this.timers.values()].map(({ at }) => at - START);
  }

  /** Lets `ms` pass and fires the timers that are due. */
  pass(ms: number): void {
    this.time = later(this.time, ms);
    for (const [id, { at, fire }] of this.timers) {
      if (at > this.time) continue;
      this.timers.delete(id);
      fire();
    }
  }
}

let platform: FakePlatform;
let wakeups: Wakeups;
let calls: number;

const need = (ms: number, more: Partial<Need> = {}): Need => ({
  deadline: later(platform.time, ms),
  isOccupied: false,
  mustSurvive: false,
  ...more,
});

/** An instance of the object that has heard which alarm is set. */
async function start(): Promise<void> {
  wakeups = new Wakeups(platform, () => calls++);
  await Promise.resolve();
  await Promise.resolve();
}

beforeEach(async () => {
  calls = 0;
  platform = new FakePlatform();
  await start();
});

describe("a near deadline", () => {
  test("is met by a timer, and sets no alarm", ({ expect }) => {
    wakeups.keep(need(2_000));
    expect(platform.pending).toEqual([2_000]);
    platform.pass(2_000);
    expect([calls, platform.settings]).toEqual([1, []]);
  });

  test("that comes nearer moves the timer", ({ expect }) => {
    wakeups.keep(need(500));
    wakeups.keep(need(100));
    expect(platform.pending).toEqual([100]);
  });

  test("that moves away leaves the timer: it is early, and costs less than another", ({
    expect,
  }) => {
    wakeups.keep(need(100));
    wakeups.keep(need(500));
    expect(platform.pending).toEqual([100]);
  });

  test("that is past is met at once", ({ expect }) => {
    wakeups.keep(need(-5));
    expect(platform.pending).toEqual([0]);
  });

  test("is backed up by an alarm when it must survive the memory, once in 30 s", ({ expect }) => {
    for (let second = 0; second < 30; second++) {
      wakeups.keep(need(100, { mustSurvive: true }));
      platform.pass(1_000);
    }
    expect(platform.settings).toEqual([30_000]);
    wakeups.alarmWentOff();
    wakeups.keep(need(100, { mustSurvive: true }));
    expect(platform.settings).toEqual([30_000, 30_000]);
  });
});

describe("a far deadline", () => {
  test("is met by the alarm, and no timer holds the object", ({ expect }) => {
    wakeups.keep(need(2_001));
    expect([platform.pending, platform.settings]).toEqual([[], [2_001]]);
  });

  test("stops the timer of a nearer one that has passed away", ({ expect }) => {
    wakeups.keep(need(100));
    wakeups.keep(need(60_000));
    expect(platform.pending).toEqual([]);
  });

  test("that moves away costs nothing; the early alarm is followed by one in time", ({
    expect,
  }) => {
    wakeups.keep(need(60_000));
    platform.pass(50_000);
    wakeups.keep(need(60_000));
    expect(platform.settings).toEqual([60_000]);
    platform.pass(10_000);
    wakeups.alarmWentOff();
    wakeups.keep(need(50_000));
    expect(platform.settings).toEqual([60_000, 50_000]);
  });

  test("that comes nearer moves the alarm", ({ expect }) => {
    wakeups.keep(need(60_000));
    wakeups.keep(need(10_000));
    expect(platform.settings).toEqual([60_000, 10_000]);
  });

  test("is met by a timer while requests hold the object anyway", ({ expect }) => {
    wakeups.keep(need(5_000, { isOccupied: true }));
    expect([platform.pending, platform.settings]).toEqual([[5_000], []]);
  });
});

describe("no deadline", () => {
  test("leaves neither timer nor alarm", ({ expect }) => {
    wakeups.keep(need(100));
    wakeups.keep(need(Infinity, { mustSurvive: true, isOccupied: true }));
    expect([platform.pending, platform.settings]).toEqual([[], []]);
  });

  test("of an object that has ended: what was kept is let go", ({ expect }) => {
    wakeups.keep(need(100));
    wakeups.stop();
    expect(platform.pending).toEqual([]);
  });
});

describe("a new instance", () => {
  test("knows the alarm that its predecessor set, and does not pay for it again", async ({
    expect,
  }) => {
    wakeups.keep(need(60_000));
    await start();
    wakeups.keep(need(60_000));
    expect(platform.settings).toEqual([60_000]);
  });

  test("sets the alarm that it needs earlier, or that was never set, once it has heard", async ({
    expect,
  }) => {
    platform.alarmAt = later(START, 60_000);
    wakeups = new Wakeups(platform, () => calls++);
    wakeups.keep(need(10_000));
    expect(platform.settings).toEqual([]);
    await Promise.resolve();
    await Promise.resolve();
    expect(platform.settings).toEqual([10_000]);
  });

  test("that an alarm woke does not take it for the one that is set", async ({ expect }) => {
    platform.alarmAt = START;
    wakeups = new Wakeups(platform, () => calls++);
    wakeups.alarmWentOff();
    wakeups.keep(need(10_000));
    await Promise.resolve();
    await Promise.resolve();
    expect(platform.settings).toEqual([10_000]);
  });
});
