// Owns the bench on which one node is tested: its storage, its clock, and the messages of peers that
// the test plays itself.

import { Writer } from "../../src/base/codec.ts";
import {
  asIncarnation,
  asLogIndex,
  asMemberId,
  asMilliseconds,
  asTerm,
} from "../../src/base/types.ts";
import type { LogIndex, MemberId, Milliseconds } from "../../src/base/types.ts";
import { DEFAULT_TIMING, RaftNode, type Timing } from "../../src/raft/node.ts";
import type { Ready } from "../../src/raft/ready.ts";
import { ENTRY_COMMAND_MIN, ENTRY_LEADER } from "../../src/base/entry-kinds.ts";
import type { Configuration, Entry, Message, Payload } from "../../src/raft/types.ts";
import { EMPTY_IMAGE, MemoryStorage } from "./memory-storage.ts";

export const member = (number: number): MemberId => asMemberId(BigInt(number));
export const index = (value: number): LogIndex => asLogIndex(value);
export const at = (value: number): Milliseconds => asMilliseconds(value);

/** A message as tests write it: plain numbers, without what does not matter. */
type Plain<T> = T extends bigint | number
  ? number
  : T extends Uint8Array
    ? Uint8Array
    : T extends readonly (infer U)[]
      ? readonly Plain<U>[]
      : T extends object
        ? { readonly [K in keyof T]: Plain<T[K]> }
        : T;

/** What a message of kind `K` needs beside its addresses. */
export type Fields<K extends Message["kind"]> = Partial<
  Omit<Plain<Extract<Message, { kind: K }>>, "kind" | "entries">
> & { readonly entries?: readonly Entry[] };

export const payload = (text = "x"): Payload => ({
  kind: ENTRY_COMMAND_MIN,
  data: new Writer().text(text).finish(),
});

/**
 * Entries from index `first` on with the given terms. The first of each term names `author`, as the
 * first entry of a term does.
 */
export function entriesOf(
  terms: readonly number[],
  { first = 1, author = 2, before = 0 }: { first?: number; author?: number; before?: number } = {},
): Entry[] {
  return terms.map((term, position) => {
    const opens = term !== (terms[position - 1] ?? before);
    const opaque = payload(`${first + position}/${term}`);
    return {
      index: asLogIndex(first + position),
      term: asTerm(term),
      kind: opens ? ENTRY_LEADER : opaque.kind,
      data: opens ? new Writer().id(BigInt(author)).finish() : opaque.data,
    };
  });
}

export interface BenchOptions {
  readonly id?: number;
  readonly voters?: readonly number[];
  readonly learners?: readonly number[];
  readonly entries?: readonly Entry[];
  readonly term?: number;
  readonly vote?: number | null;
  readonly applied?: number;
  readonly incarnation?: number;
  readonly storage?: MemoryStorage;
  readonly seed?: number;
  readonly timing?: Partial<Timing>;
}

/** One node, and everything around it. */
export class Bench {
  readonly storage: MemoryStorage;
  readonly node: RaftNode;
  readonly id: MemberId;
  readonly configuration: Configuration;
  now = 0;

  constructor(options: BenchOptions = {}) {
    const { entries = [], term = entries.at(-1)?.term ?? 0, vote = null } = options;
    this.id = member(options.id ?? 1);
    this.configuration = {
      voters: (options.voters ?? [1, 2, 3]).map(member),
      outgoing: [],
      learners: (options.learners ?? []).map(member),
    };
    const hardState = { term: asTerm(term), vote: vote === null ? null : member(vote) };
    this.storage = options.storage ?? new MemoryStorage({ ...EMPTY_IMAGE, hardState, entries });
    this.node = new RaftNode({
      id: this.id,
      configuration: this.configuration,
      storage: this.storage,
      incarnation: asIncarnation(options.incarnation ?? 1),
      applied: asLogIndex(options.applied ?? 0),
      seed: options.seed ?? 7,
      now: at(0),
      timing: { ...DEFAULT_TIMING, ...options.timing },
      version: 1,
    });
  }

  /** Lets time pass and ticks once. */
  pass(ms: number): Ready {
    this.now += ms;
    this.node.tick(at(this.now));
    return this.node.takeReady();
  }

  /** Feeds a message of peer `from`; numbers that are not given are 0, the term the node's own. */
  receive<K extends Message["kind"]>(kind: K, from: number, fields: Fields<K> = {}): Ready {
    this.node.step(this.message(kind, from, fields), at(this.now));
    return this.node.takeReady();
  }

  message<K extends Message["kind"]>(kind: K, from: number, fields: Fields<K> = {}): Message {
    const defaults = {
      term: this.node.status().term,
      incarnation: 1,
      lastIndex: 0,
      lastTerm: 0,
      previousIndex: 0,
      previousTerm: 0,
      commit: 0,
      round: 0,
      sentAt: 0,
      version: 1,
      handedOver: false,
      index: 0,
      urged: false,
      granted: true,
      rejected: null,
      isAwaited: true,
      entries: [],
    };
    return { ...defaults, ...fields, kind, from: member(from), to: this.id } as unknown as Message;
  }

  /** Times out into a campaign, wins the pre-vote by `voters`, and stands for election. */
  stand(voters: readonly number[] = [2]): Ready {
    this.now = Math.max(this.now, this.node.deadline());
    this.node.tick(at(this.now));
    const term = this.node.status().term + 1;
    for (const voter of voters) this.step("preVoteAnswer", voter, { term });
    return this.node.takeReady();
  }

  /** Is elected by `voters`. What is returned holds the first appends. */
  lead(voters: readonly number[] = [2]): Ready {
    this.stand(voters);
    for (const voter of voters) this.step("voteAnswer", voter);
    return this.node.takeReady();
  }

  /** Is elected, and has its first entry acknowledged by `voters`, so that it serves. */
  serve(voters: readonly number[] = [2]): Ready {
    this.lead(voters);
    for (const voter of voters) this.accept(voter);
    return this.node.takeReady();
  }

  /** Peer `from` has everything up to `upTo`, by default the whole log. */
  accept(from: number, upTo: number = this.storage.lastIndex()): Ready {
    return this.receive("appendAnswer", from, { index: upTo });
  }

  propose(...texts: readonly string[]): Ready {
    this.node.propose(texts.map(payload), at(this.now));
    return this.node.takeReady();
  }

  step<K extends Message["kind"]>(kind: K, from: number, fields: Fields<K> = {}): void {
    this.node.step(this.message(kind, from, fields), at(this.now));
  }
}

/** The messages of a kind, to one peer or to all. */
export const sent = <K extends Message["kind"]>(
  ready: Ready,
  kind: K,
  to?: number,
): Extract<Message, { kind: K }>[] =>
  ready.messages.filter(
    (message): message is Extract<Message, { kind: K }> =>
      message.kind === kind && (to === undefined || message.to === member(to)),
  );

/** The terms of a log, as the paper's figures draw it. */
export const termsOf = (storage: MemoryStorage): number[] =>
  storage.image.entries.map((entry) => entry.term);
