// Owns when a replica's object wakes by itself: one timer, and the object's one alarm. It knows how
// to be called in time, and what each way costs; it does not know what is due.

import { asMilliseconds, later, type Milliseconds } from "../base/types.ts";
import { ALARM_BACKUP_MS, TIMER_MS_MAX, TIMER_OCCUPIED_MS_MAX } from "../base/limits.ts";

/** What wakes an object, in the steady time of its replica. */
export interface WakeupPlatform {
  readonly now: () => Milliseconds;
  /** Calls `fire` after `ms` milliseconds. The object stays in memory, and is billed, until then. */
  readonly startTimer: (fire: () => void, ms: number) => number;
  readonly stopTimer: (timer: number) => void;
  /** Has the alarm go off in `ms` milliseconds, instead of when it was set before: one row. */
  readonly setAlarm: (ms: number) => void;
  /** In how many milliseconds the stored alarm goes off; null without one. */
  readonly alarmIn: () => Promise<number | null>;
}

/** The platform's own: timers of the isolate, and the alarm of the object behind `storage`. */
export const clocksOf = (
  storage: Pick<DurableObjectStorage, "setAlarm" | "getAlarm">,
  now: () => Milliseconds,
): WakeupPlatform => ({
  now,
  startTimer: (fire, ms) => setTimeout(fire, ms),
  stopTimer: (timer) => clearTimeout(timer),
  setAlarm: (ms) => void storage.setAlarm(Date.now() + ms),
  alarmIn: async () => {
    const at = await storage.getAlarm();
    return at === null ? null : at - Date.now();
  },
});

/** What a replica needs, as of now. */
export interface Need {
  /** When it wants to be called; Infinity for never. */
  readonly deadline: Milliseconds;
  /** Requests are under way: they hold the object in memory whether or not a timer runs. */
  readonly isOccupied: boolean;
  /** It must be called although its memory is lost before: a timer alone is not enough. */
  readonly mustSurvive: boolean;
}

/** The alarm is not known yet: storage was asked. */
const UNKNOWN = "unknown";

/**
 * A near deadline is met by the timer, a far one by the alarm, and for none the object is let go.
 * The alarm is set when it would come too late and never put off, since each setting costs a row:
 * one that comes early finds nothing to do, and what is needed then is set anew.
 *
 * A new instance does not know the alarm that its predecessor set, and asks before it sets one. It
 * may die before it hears: the predecessor's alarm, which was made for the same stored state, is in
 * place until then.
 */
export class Wakeups {
  readonly #platform: WakeupPlatform;
  readonly #due: () => void;
  #timer: { readonly at: Milliseconds; readonly id: number } | null = null;
  #alarmAt: Milliseconds | null | typeof UNKNOWN = UNKNOWN;
  #need: Need | null = null;
  #alarmsSet = 0;

  /** `due` is called by the timer. It may be early, and is to say with `keep` what is needed then. */
  constructor(platform: WakeupPlatform, due: () => void) {
    this.#platform = platform;
    this.#due = due;
    void this.#learnAlarm();
  }

  /** How often the alarm was set: rows written. */
  get alarmsSet(): number {
    return this.#alarmsSet;
  }

  /** From now on the object is called when `need` says, or earlier. */
  keep(need: Need): void {
    this.#need = need;
    const isNear = this.#isNear(need);
    this.#keepTimer(isNear ? need.deadline : null);
    this.#keepAlarm(isNear, need);
  }

  /** The alarm went off: there is none any more. The caller does what is due, and keeps anew. */
  alarmWentOff(): void {
    this.#alarmAt = null;
  }

  /** The object is not called any more, but for an alarm that is set. */
  stop(): void {
    this.#need = null;
    this.#keepTimer(null);
  }

  #isNear({ deadline, isOccupied }: Need): boolean {
    const reach = isOccupied ? TIMER_OCCUPIED_MS_MAX : TIMER_MS_MAX;
    return deadline <= this.#platform.now() + reach;
  }

  /** Keeps the timer no later than `at`; null stops it. */
  #keepTimer(at: Milliseconds | null): void {
    if (this.#timer !== null && at !== null && this.#timer.at <= at) return;
    if (this.#timer !== null) this.#platform.stopTimer(this.#timer.id);
    this.#timer = null;
    if (at === null) return;
    const ms = Math.max(at - this.#platform.now(), 0);
    this.#timer = { at, id: this.#platform.startTimer(() => this.#fire(), ms) };
  }

  #keepAlarm(isNear: boolean, { deadline, mustSurvive }: Need): void {
    if (isNear && !mustSurvive) return;
    const now = this.#platform.now();
    const at = isNear ? later(now, ALARM_BACKUP_MS) : deadline;
    if (at === Infinity || this.#alarmAt === UNKNOWN) return;
    if (this.#alarmAt !== null && this.#alarmAt <= at) return;
    this.#alarmAt = at;
    this.#alarmsSet++;
    this.#platform.setAlarm(at - now);
  }

  async #learnAlarm(): Promise<void> {
    const ms = await this.#platform.alarmIn();
    // It may have gone off meanwhile.
    if (this.#alarmAt !== UNKNOWN) return;
    this.#alarmAt = ms === null ? null : asMilliseconds(this.#platform.now() + ms);
    if (this.#need !== null) this.keep(this.#need);
  }

  #fire(): void {
    this.#timer = null;
    this.#due();
  }
}
