// Owns what all parts of one run share: time, chance, faults, the trace, and the rare branches that
// were reached.

import { hashText, mix, type Streams } from "./chance.ts";
import type { Faults } from "./faults.ts";
import { Schedule } from "./schedule.ts";

/** A promise of the system was broken. */
class Violation extends Error {
  override readonly name = "Violation";
}

export function must(condition: boolean, violation: string | (() => string)): asserts condition {
  if (!condition) throw new Violation(typeof violation === "string" ? violation : violation());
}

/** What happened, as a number that equal runs share, and as lines when somebody wants them. */
export class Trace {
  hash = 0x811c9dc5;
  events = 0;
  readonly #codes = new Map<string, number>();
  readonly #line: ((text: string) => void) | null;
  readonly #schedule: Schedule;

  constructor(schedule: Schedule, line: ((text: string) => void) | null) {
    this.#schedule = schedule;
    this.#line = line;
  }

  /** Takes note of `what`, with numbers that tell one occurrence from another. */
  note(what: string, a: number, b = 0, c = 0, d = 0): void {
    let code = this.#codes.get(what);
    if (code === undefined) this.#codes.set(what, (code = hashText(what)));
    this.events++;
    this.hash = mix(mix(mix(this.hash, code), this.#schedule.now), a);
    this.hash = mix(mix(mix(this.hash, b), c), d);
    this.#line?.(`${(this.#schedule.now / 1000).toFixed(3)} ${what} ${a} ${b} ${c} ${d}`);
  }

  /** For people only: `text` is made when a line is wanted. */
  tell(text: () => string): void {
    this.#line?.(`${(this.#schedule.now / 1000).toFixed(3)}   ${text()}`);
  }
}

export interface World {
  readonly schedule: Schedule;
  readonly streams: Streams;
  readonly faults: Faults;
  readonly trace: Trace;
  /** Zombies receive events too: harsher than the platform is. */
  readonly isAdverse: boolean;
  mark(name: string): void;
}
