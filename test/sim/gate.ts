// Owns the output gate of a simulated object: turns whose writes are not confirmed yet, in order, with
// what they hold. A turn leaves when its writes and all earlier ones are confirmed.

import type { Chance } from "./chance.ts";
import type { SimDatabase } from "./database.ts";
import type { Outgoing, Turn } from "./instance.ts";
import type { Ledger } from "./ledger.ts";
import type { Observer } from "./observer.ts";
import { take } from "./waiting.ts";
import type { World } from "./world.ts";
import type { Membership } from "../../src/base/membership.ts";

/** With so many unconfirmed turns the database confirms them: savepoints must not pile up. */
const PLATES_MAX = 32;

export interface GateParts {
  readonly world: World;
  readonly ledger: Ledger;
  readonly database: SimDatabase;
  readonly observer: Observer;
  readonly disk: Chance;
  readonly isFaulty: () => boolean;
  readonly adopt: (membership: Membership) => void;
  readonly perform: (outgoing: Outgoing) => void;
  /** A write failed: that share of the turns is lost. */
  readonly fail: (loses: number) => void;
}

export class Gate {
  readonly #parts: GateParts;
  #turns: Turn[] = [];

  constructor(parts: GateParts) {
    this.#parts = parts;
  }

  get isEmpty(): boolean {
    return this.#turns.length === 0;
  }

  /** Takes `share` of the turns back, the latest, and confirms the others. Returns how many went. */
  break(share: number, sends: boolean): number {
    const lost = Math.floor(this.#turns.length * share + 0.5);
    const gone = this.#turns.splice(this.#turns.length - lost, lost);
    for (const turn of this.#turns.splice(0)) this.#confirm(turn, sends);
    this.#takeBack(gone);
    return lost;
  }

  /** Holds a turn back until it is confirmed. */
  hold(turn: Turn): void {
    this.#turns.push(turn);
    if (turn.wrote) this.#awaitConfirmation(turn);
  }

  #awaitConfirmation(turn: Turn): void {
    const { world, database, disk, isFaulty } = this.#parts;
    const { faults, schedule } = world;
    const confirmMsMax = isFaulty() ? faults.confirmMsMax : Math.min(faults.confirmMsMax, 20);
    if (database.plates > PLATES_MAX) return this.#confirmUpTo(turn);
    schedule.after(disk.between(0, confirmMsMax + 1), () => this.#confirmUpTo(turn));
  }

  /** A later turn's confirmation covers the earlier ones. */
  #confirmUpTo(turn: Turn): void {
    const position = this.#turns.indexOf(turn);
    if (position === -1) return;
    const { world, disk, isFaulty, fail } = this.#parts;
    if (isFaulty() && disk.hits(world.faults.writeFailureRate)) {
      world.mark("write failed");
      return fail((this.#turns.length - position) / this.#turns.length);
    }
    for (const each of this.#turns.splice(0, position + 1)) this.#confirm(each, true);
    while (this.#turns[0]?.wrote === false) this.#confirm(this.#turns.shift()!, true);
    if (this.#turns.length === 0) this.#parts.database.keepAll();
  }

  #confirm(turn: Turn, sends: boolean): void {
    // What it commits next may be by a majority of those.
    if (turn.effects.membership !== null) this.#parts.adopt(turn.effects.membership);
    if (turn.facts !== null) {
      this.#parts.ledger.confirmed(this.#parts.observer.standing, turn.facts);
    }
    this.#release(turn, sends);
  }

  #release(turn: Turn, sends: boolean): void {
    const { instance, effects, reply } = turn;
    if (sends) return this.#parts.perform(turn);
    reply?.broken();
    for (const { call } of effects.answers) take(instance.calls, call)?.broken();
  }

  /** Takes back turns that never happened, with all that they would have sent. */
  #takeBack(turns: readonly Turn[]): void {
    for (const { reply } of turns) reply?.broken();
    const first = turns.find((turn) => turn.wrote);
    const { database, observer } = this.#parts;
    if (first === undefined) database.keepAll();
    else database.takeBack(first.plate);
    observer.reset();
  }
}
