// Owns when a simulated object wakes by itself: its timers, which go with its memory; its one alarm,
// which stays; and its sleep when nothing holds it in memory. As `src/object/wakeups.ts` has it.

import { ALARM_BACKUP_MS, TIMER_MS_MAX, TIMER_OCCUPIED_MS_MAX } from "../../src/base/limits.ts";
import type { Chance } from "./chance.ts";
import type { Instance } from "./instance.ts";
import type { World } from "./world.ts";

/** How long an object that nothing holds stays in memory. */
const HIBERNATION_MS = 10_000;

/** How late an alarm may be. */
const ALARM_LATE_MS_MAX = 1_000;

export interface Sleeper {
  tick(instance: Instance): void;
  /** The alarm went off; false when the object cannot come up now. */
  alarm(): boolean;
  hibernate(instance: Instance): void;
  isRunning(instance: Instance): boolean;
}

export class Waking {
  readonly #world: World;
  readonly #chance: Chance;
  readonly #sleeper: Sleeper;
  #alarmAt = Infinity;

  constructor(world: World, chance: Chance, sleeper: Sleeper) {
    this.#world = world;
    this.#chance = chance;
    this.#sleeper = sleeper;
  }

  /** After each turn of an instance. */
  keep(instance: Instance): void {
    const { schedule } = this.#world;
    const deadline = instance.core.deadline();
    const waitMs = Math.ceil(Math.max(deadline - instance.clock.now, 1));
    const reachMs = instance.calls.size > 0 ? TIMER_OCCUPIED_MS_MAX : TIMER_MS_MAX;
    instance.turns++;
    if (waitMs <= reachMs) this.#keepTimer(instance, schedule.now + waitMs);
    else {
      instance.timerAt = Infinity;
      if (waitMs < Infinity) this.#keepAlarm(schedule.now + waitMs);
      this.#letGo(instance);
    }
    if (instance.core.needs.time) this.#keepAlarm(schedule.now + ALARM_BACKUP_MS);
  }

  /** No later than `at`; an early one finds nothing to do. */
  #keepTimer(instance: Instance, at: number): void {
    const { schedule } = this.#world;
    if (at >= instance.timerAt) return;
    instance.timerAt = at;
    schedule.after(at - schedule.now, () => {
      if (instance.timerAt !== at || !this.#sleeper.isRunning(instance)) return;
      instance.timerAt = Infinity;
      this.#sleeper.tick(instance);
    });
  }

  #keepAlarm(at: number): void {
    if (at >= this.#alarmAt) return;
    this.#alarmAt = at;
    this.#ring(at, at - this.#world.schedule.now + this.#chance.between(0, ALARM_LATE_MS_MAX));
  }

  /** At least once: it is tried again while the object cannot come up. */
  #ring(at: number, delayMs: number): void {
    this.#world.schedule.after(delayMs, () => {
      if (this.#alarmAt !== at) return;
      this.#alarmAt = Infinity;
      if (this.#sleeper.alarm()) return this.#world.mark("alarm");
      this.#alarmAt = at;
      this.#ring(at, 1_000);
    });
  }

  #letGo(instance: Instance): void {
    const { turns } = instance;
    this.#world.schedule.after(HIBERNATION_MS, () => {
      const isIdle = instance.turns === turns && instance.calls.size === 0;
      if (isIdle && instance.timerAt === Infinity) this.#sleeper.hibernate(instance);
    });
  }
}
