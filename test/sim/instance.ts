// Owns the words of a simulated object: its lives in memory, its turns, who waits for it, and how it
// may crash. What they do is `object.ts`'s.

import type { ReplicaAnswer } from "../../src/api/replica.ts";
import type { SessionIdentity } from "../../src/api/session-identity.ts";
import type { ReplicaFrame } from "../../src/api/session.ts";
import type { Bytes } from "../../src/base/types.ts";
import type { Membership } from "../../src/base/membership.ts";
import type { SteadyClock, Timing } from "../../src/raft/timing.ts";
import type { Message } from "../../src/raft/types.ts";
import type { Identity, ReplicaCore } from "../../src/replica/core.ts";
import type { Effects, PeerSend } from "../../src/replica/effects.ts";
import type { InstanceStorage } from "./database.ts";
import type { Facts, Ledger } from "./ledger.ts";
import type { SimObject } from "./object.ts";
import type { Promises } from "./promises.ts";
import type { World } from "./world.ts";

/** Whoever waits for an answer of an object: it comes, or the object breaks. */
export interface Waiting<T> {
  answered(answer: T): void;
  broken(): void;
}

/** A receiver's end of a session's socket. */
export interface Socket {
  readonly session: number;
  /** Whose it is, of a client's; null: the router's. */
  readonly identity: SessionIdentity | null;
  /** What the object keeps with it while it sleeps. */
  checkpoint: Bytes | null;
  /** The object has slept since the socket was opened. */
  wasRestored: boolean;
  frames(frames: readonly ReplicaFrame[]): void;
  closed(): void;
}

/** One life of the object in memory. */
export interface Instance {
  readonly core: ReplicaCore;
  readonly storage: InstanceStorage;
  readonly clock: SteadyClock;
  readonly calls: Map<number, Waiting<ReplicaAnswer>>;
  /** Calls to each peer that are under way, and whether the last one failed. */
  readonly links: Map<bigint, { outstanding: number; isSilent: boolean }>;
  /** What it has promised to leaders. */
  readonly promises: Promises;
  timerAt: number;
  /** How many turns it has run, to tell whether it was idle. */
  turns: number;
  areSessionsRestored: boolean;
}

export interface PeerReply extends Waiting<readonly Message[]> {
  messages: readonly Message[];
}

/** What leaves when a turn is confirmed. */
export interface Outgoing {
  readonly instance: Instance;
  readonly effects: Effects;
  readonly reply: PeerReply | null;
}

export interface Turn extends Outgoing {
  readonly wrote: boolean;
  /** The savepoint before its first write. */
  readonly plate: number;
  readonly facts: Facts | null;
}

export interface ObjectParts {
  readonly identity: Identity;
  readonly world: World;
  readonly ledger: Ledger;
  readonly offsetMs: number;
  readonly drift: number;
  readonly timing: Partial<Timing>;
  readonly codeVersion: number;
  /** An applied entry has changed the membership. */
  readonly adopt: (membership: Membership) => void;
  readonly send: (from: SimObject, instance: Instance, send: PeerSend) => void;
}

export interface Crash {
  /** The share of unconfirmed turns that go with it, 0 to 1. */
  readonly loses: number;
  /** How long the instance goes on as a zombie; 0: not at all. */
  readonly zombieMs: number;
  readonly downMs: number;
  /** An eviction: sockets stay, and all is confirmed, since nothing was under way. */
  readonly isEviction: boolean;
}
