// Owns the messages between replicas: loss, repetition, delay, reordering, and who can reach whom.

import type { MemberId } from "../../../src/base/types.ts";
import { decodeMessages, encodeMessages } from "../../../src/raft/message-codec.ts";
import type { Random } from "../../../src/raft/random.ts";
import type { Message } from "../../../src/raft/types.ts";
import type { Faults } from "./faults.ts";
import type { Schedule } from "./schedule.ts";

interface NetworkOptions {
  readonly schedule: Schedule;
  readonly random: Random;
  readonly faults: Faults;
  readonly deliver: (message: Message) => void;
  readonly lost: (message: Message) => void;
}

/** Members that stay cut off in one direction, for ever. */
interface Broken {
  readonly deaf: ReadonlySet<MemberId>;
  readonly mute: ReadonlySet<MemberId>;
}

/** A network that keeps no promise. Messages travel as bytes. */
export class Network {
  readonly #options: NetworkOptions;
  /** Directed links that are cut, as "from>to". */
  #cut = new Set<string>();
  #healed = false;
  /** Once healed, messages of a link arrive in order. */
  readonly #lastArrival = new Map<string, number>();
  #broken: Broken = { deaf: new Set(), mute: new Set() };

  constructor(options: NetworkOptions) {
    this.#options = options;
  }

  send(message: Message): void {
    const { faults, random, schedule, lost } = this.#options;
    const copies = !this.#healed && random.next() < faults.repeatRate ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (!this.#healed && random.next() < faults.lossRate) {
        if (random.next() < faults.noticedRate) {
          schedule.after(random.between(20, 300), () => lost(message));
        }
        continue;
      }
      const bytes = encodeMessages([message]);
      schedule.after(this.#delayMs(message), () => this.#arrive(message, bytes));
    }
  }

  /**
   * Draws anew who is cut off: nobody, one side from the other, one member from all others in one
   * direction, or one link. Every second time it is `target` who suffers.
   */
  partition(members: readonly MemberId[], target: MemberId | null): void {
    const { random } = this.#options;
    this.#cut = new Set();
    const kind = random.between(0, 4);
    if (kind === 0) return;
    const anyone = members[random.between(0, members.length)]!;
    const one = target !== null && random.next() < 0.5 ? target : anyone;
    const other = members[random.between(0, members.length)]!;
    if (kind === 1) {
      const side = new Set([one, ...members.filter(() => random.next() < 0.3)]);
      this.#cutLinks(members, (from, to) => side.has(from) !== side.has(to));
    } else if (kind === 2) {
      const inwards = random.next() < 0.5;
      this.#cutLinks(members, (from, to) => (inwards ? to : from) === one);
    } else {
      const both = random.next() < 0.5;
      this.#cutLinks(
        members,
        (from, to) => (from === one && to === other) || (both && from === other && to === one),
      );
    }
  }

  /**
   * From now on everything arrives, once, soon and in order, but for what is sent to the `deaf` or by the
   * `mute`.
   */
  heal(broken: Broken): void {
    this.#cut = new Set();
    this.#healed = true;
    this.#broken = broken;
  }

  #cutLinks(members: readonly MemberId[], cuts: (from: MemberId, to: MemberId) => boolean): void {
    for (const from of members) {
      for (const to of members) if (cuts(from, to)) this.#cut.add(`${from}>${to}`);
    }
  }

  #arrive(message: Message, bytes: Uint8Array): void {
    if (this.#isCut(message)) return this.#options.lost(message);
    for (const decoded of decodeMessages(bytes)) this.#options.deliver(decoded);
  }

  #isCut({ from, to }: Message): boolean {
    const { deaf, mute } = this.#broken;
    return this.#cut.has(`${from}>${to}`) || deaf.has(to) || mute.has(from);
  }

  #delayMs({ from, to }: Message): number {
    const { faults, random, schedule } = this.#options;
    if (!this.#healed && random.next() < faults.lateRate) return random.between(50, 2_000);
    const delay = random.between(1, 30);
    if (!this.#healed) return delay;
    const arrival = Math.max(schedule.now + delay, this.#lastArrival.get(`${from}>${to}`) ?? 0);
    this.#lastArrival.set(`${from}>${to}`, arrival);
    return arrival - schedule.now;
  }
}
