// Owns what travels between objects, and between clients and objects: how long it takes, what is lost
// or repeated, who can reach whom. A call between objects carries its answer back, as the transport
// in `src/object/transport.ts` makes it: with a deadline, and one at a time to a silent peer.

import type { ReplicaAnswer, ReplicaCall } from "../../src/api/replica.ts";
import { ENTRY_LEADER } from "../../src/base/entry-kinds.ts";
import { PEER_CALLS_MAX } from "../../src/base/limits.ts";
import { decodeMessages, encodeMessages } from "../../src/raft/message-codec.ts";
import type { Message } from "../../src/raft/types.ts";
import type { PeerSend } from "../../src/replica/effects.ts";
import type { Chance } from "./chance.ts";
import type { Instance } from "./instance.ts";
import type { SimObject } from "./object.ts";
import type { World } from "./world.ts";

/** As `PEER_CALL_MS_MAX` of the transport. */
const PEER_CALL_MS = 1_500;

/** Where a call or a frame begins or ends: an object's number, or a client's, which is negative. */
export type Place = number;

/** What happens to one call. */
interface Fate {
  readonly isLost: boolean;
  readonly afterRunning: boolean;
  readonly isNoticed: boolean;
  readonly thereMs: number;
  readonly backMs: number;
}

export interface NetworkEvents {
  /** A vote was granted by `voter`, and its answer leaves. */
  voteGranted(voter: SimObject): void;
  /** `leader` sends the entry that opens its term. */
  termOpened(leader: SimObject): void;
}

export class Network {
  readonly #world: World;
  readonly #objects: ReadonlyMap<bigint, SimObject>;
  readonly #events: NetworkEvents;
  readonly #loss: Chance;
  readonly #delay: Chance;
  readonly #late: Chance;
  readonly #repeats: Chance;
  readonly #partitions: Chance;
  /** One way's least delay between two places. */
  readonly #distances = new Map<number, number>();
  /** Directed links that are cut. */
  #cut = new Set<number>();
  /** Between these, everything arrives soon; null while anything goes. */
  #healed: ReadonlySet<Place> | null = null;

  constructor(world: World, objects: ReadonlyMap<bigint, SimObject>, events: NetworkEvents) {
    this.#world = world;
    this.#objects = objects;
    this.#events = events;
    this.#loss = world.streams.stream("loss");
    this.#delay = world.streams.stream("delay");
    this.#late = world.streams.stream("late");
    this.#repeats = world.streams.stream("repeat");
    this.#partitions = world.streams.stream("partition");
  }

  /** Calls a peer, as the transport does: what a link cannot take is dropped. */
  send(from: SimObject, instance: Instance, { to, messages }: PeerSend): void {
    const peer = this.#objects.get(to);
    if (peer === undefined) return;
    let link = instance.links.get(to);
    if (link === undefined) instance.links.set(to, (link = { outstanding: 0, isSilent: false }));
    if (link.outstanding >= (link.isSilent ? 1 : PEER_CALLS_MAX)) return;
    link.outstanding++;
    if (messages.some(opensTerm)) this.#events.termOpened(from);
    const sent = link;
    this.#world.trace.tell(
      () => `${from.number} > ${peer.number}: ${messages.map(say).join("; ")}`,
    );
    this.#exchange(from, peer, encodeMessages(messages), (answer) => {
      sent.outstanding--;
      sent.isSilent = answer === null;
      const { trace } = this.#world;
      trace.tell(() => `${from.number} < ${peer.number}: ${answer?.map(say).join("; ") ?? "-"}`);
      if (answer === null) from.peerFailed(instance, to);
      else from.peerAnswered(instance, answer);
    });
  }

  /** A client's call. `done` hears null when the call breaks or is not answered by its deadline. */
  call(
    client: Place,
    object: SimObject,
    call: ReplicaCall,
    done: (answer: ReplicaAnswer | null) => void,
  ): void {
    const { schedule } = this.#world;
    const deadline = schedule.now + call.timeoutMs + 100;
    const fate = this.#fate(client, object.number);
    let isDone = false;
    const finish = (answer: ReplicaAnswer | null, delayMs: number): void => {
      schedule.after(delayMs, () => {
        if (isDone) return;
        isDone = true;
        done(answer);
      });
    };
    finish(null, deadline - schedule.now);
    if (fate.isLost && !fate.afterRunning) return fate.isNoticed ? finish(null, 20) : undefined;
    schedule.after(fate.thereMs, () => {
      const waiting = {
        answered: (answer: ReplicaAnswer) => {
          if (!fate.isLost && !this.#isCut(object.number, client)) finish(answer, fate.backMs);
        },
        broken: () => {
          if (fate.isNoticed) finish(null, fate.backMs);
        },
      };
      if (!object.serve(call, waiting) && fate.isNoticed) finish(null, fate.backMs);
    });
  }

  /** The way of one frame or request that needs no answer; null when it is lost. */
  delayOf(from: Place, to: Place): number | null {
    const fate = this.#fate(from, to);
    return fate.isLost ? null : fate.thereMs;
  }

  /**
   * Draws anew who is cut off: nobody, one side from the other, one from all others in one direction,
   * or one link. Every second time it is `target` who suffers.
   */
  partition(places: readonly Place[], target: Place | null): void {
    const chance = this.#partitions;
    this.#cut = new Set();
    const kind = chance.between(0, 4);
    const anyone = chance.pick(places);
    const one = chance.next() < 0.5 ? (target ?? anyone) : anyone;
    const other = chance.pick(places);
    const side = new Set([one, ...places.filter(() => chance.next() < 0.3)]);
    const isInwards = chance.next() < 0.5;
    if (kind === 1) this.#cutLinks(places, (from, to) => side.has(from) !== side.has(to));
    if (kind === 2) this.#cutLinks(places, (from, to) => (isInwards ? to : from) === one);
    if (kind === 3) {
      this.#cutLinks(
        places,
        (from, to) => (from === one && to === other) || (isInwards && from === other && to === one),
      );
    }
    if (kind > 0) this.#world.mark("partition");
    this.#world.trace.note("partition", kind, this.#cut.size, one, other);
  }

  /** From now on all is well between `healed`; the others suffer on. */
  heal(healed: ReadonlySet<Place>): void {
    this.#healed = healed;
    this.#cut = new Set();
  }

  /** Cuts one place off from others, in one direction and for ever. */
  cutOff(place: Place, others: readonly Place[], direction: "in" | "out"): void {
    for (const other of others) {
      this.#cut.add(direction === "in" ? other * 1_000 + place : place * 1_000 + other);
    }
  }

  #exchange(
    from: SimObject,
    to: SimObject,
    body: ReturnType<typeof encodeMessages>,
    done: (answer: Message[] | null) => void,
  ): void {
    const { schedule } = this.#world;
    const began = schedule.now;
    const fate = this.#fate(from.number, to.number);
    const fail = (): void => {
      const leftMs = began + PEER_CALL_MS - schedule.now;
      schedule.after(fate.isNoticed ? Math.min(fate.backMs, leftMs) : leftMs, () => done(null));
    };
    if (fate.isLost && !fate.afterRunning) return fail();
    const waiting = {
      answered: (messages: readonly Message[]) => {
        if (messages.some(grantsVote)) this.#events.voteGranted(to);
        const returnsMs = schedule.now + fate.backMs - began;
        const isCut = this.#isCut(to.number, from.number);
        if (fate.isLost || isCut || returnsMs > PEER_CALL_MS) return fail();
        const answer = decodeMessages(encodeMessages(messages));
        schedule.after(fate.backMs, () => done(answer));
      },
      broken: fail,
    };
    schedule.after(fate.thereMs, () => {
      if (!to.receive(body, waiting)) fail();
    });
    this.#repeat(from, to, body);
  }

  /** The platform calls again, though nobody waits for that answer. */
  #repeat(from: SimObject, to: SimObject, body: ReturnType<typeof encodeMessages>): void {
    if (this.#isHealed(from.number, to.number)) return;
    if (!this.#repeats.hits(this.#world.faults.repeatRate)) return;
    const nobody = { answered: () => {}, broken: () => {} };
    this.#world.schedule.after(this.#repeats.between(1, 10_000), () => {
      this.#world.mark("call repeated");
      to.receive(body, nobody);
    });
  }

  #fate(from: Place, to: Place): Fate {
    const { faults } = this.#world;
    const isHealed = this.#isHealed(from, to);
    const isLost = (!isHealed && this.#loss.hits(faults.lossRate)) || this.#isCut(from, to);
    let thereMs = this.#delayMs(from, to);
    let backMs = this.#delayMs(to, from);
    if (!isHealed && this.#late.hits(faults.lateRate)) {
      if (this.#late.next() < 0.5) thereMs += this.#late.between(50, 2_000);
      else backMs += this.#late.between(50, 2_000);
    }
    if (!isLost) return { isLost, afterRunning: false, isNoticed: true, thereMs, backMs };
    const afterRunning = !this.#isCut(from, to) && this.#loss.next() < 0.5;
    const isNoticed = this.#loss.next() < faults.noticedRate;
    return { isLost, afterRunning, isNoticed, thereMs, backMs };
  }

  #delayMs(from: Place, to: Place): number {
    return this.#distance(from, to) * (1 + 0.3 * this.#delay.next());
  }

  #distance(from: Place, to: Place): number {
    const name = from < to ? from * 1_000 + to : to * 1_000 + from;
    let distance = this.#distances.get(name);
    if (distance === undefined) {
      distance = this.#delay.pick([0.5, 2, 10, 30]);
      this.#distances.set(name, distance);
    }
    return distance;
  }

  #isHealed(from: Place, to: Place): boolean {
    return this.#healed !== null && this.#healed.has(from) && this.#healed.has(to);
  }

  #isCut(from: Place, to: Place): boolean {
    return this.#cut.size > 0 && this.#cut.has(from * 1_000 + to) && !this.#isHealed(from, to);
  }

  #cutLinks(places: readonly Place[], cuts: (from: Place, to: Place) => boolean): void {
    for (const from of places) {
      for (const to of places) if (cuts(from, to)) this.#cut.add(from * 1_000 + to);
    }
  }
}

/** A message for people: its kind and its numbers. */
const say = (message: Message): string =>
  Object.entries(message)
    .filter(([name]) => name !== "from" && name !== "to")
    .map(([name, value]) => sayValue(name, value))
    .join(" ");

function sayValue(name: string, value: unknown): string {
  if (name === "kind") return String(value);
  if (Array.isArray(value) || value instanceof Uint8Array) return `${name}[${value.length}]`;
  return `${name} ${JSON.stringify(value)}`;
}

const grantsVote = (message: Message): boolean => message.kind === "voteAnswer" && message.granted;

const opensTerm = (message: Message): boolean =>
  message.kind === "append" && message.entries.some((entry) => entry.kind === ENTRY_LEADER);
