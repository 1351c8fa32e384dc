// Owns one simulated replica: a RaftNode, its storage, and the platform's rules for both. A turn's
// writes become durable together and later; what the turn sends is held until then; a crash takes
// the turns that are not yet confirmed, or leaves them, whole, with the messages they held.

import { asIncarnation, asLogIndex, asMilliseconds } from "../../../src/base/types.ts";
import type { LogIndex, MemberId } from "../../../src/base/types.ts";
import { DEFAULT_TIMING, RaftNode } from "../../../src/raft/node.ts";
import type { Random } from "../../../src/raft/random.ts";
import type { RaftStatus, Ready } from "../../../src/raft/ready.ts";
import type { Configuration, Entry, Message, Payload } from "../../../src/raft/types.ts";
import { EMPTY_IMAGE, MemoryStorage, type StorageImage } from "../../raft/memory-storage.ts";
import type { Checker } from "./checker.ts";
import type { Faults } from "./faults.ts";
import type { Schedule } from "./schedule.ts";

/** Everything durable: the log, the incarnation, and the state machine's applied index. */
interface Image {
  readonly storage: StorageImage;
  readonly incarnation: number;
  readonly applied: LogIndex;
}

interface Turn {
  readonly image: Image;
  readonly status: RaftStatus;
  readonly applied: readonly Entry[];
  /** What leaves once the turn is durable: messages, and answers to clients. */
  readonly effects: readonly (() => void)[];
  readonly wrote: boolean;
}

/** What a turn gathers while it runs. */
interface Gathered {
  readonly effects: (() => void)[];
  readonly applied: Entry[];
}

interface ReplicaOptions {
  readonly id: MemberId;
  readonly configuration: Configuration;
  readonly schedule: Schedule;
  readonly random: Random;
  readonly faults: Faults;
  readonly checker: Checker;
  readonly send: (message: Message) => void;
  readonly peer: (id: MemberId) => Replica;
  readonly mark: (name: string) => void;
}

/** Thrown where the platform refuses storage to an instance that was superseded. */
class Superseded extends Error {}

class FencedStorage extends MemoryStorage {
  fenced = false;

  override saveHardState(...state: Parameters<MemoryStorage["saveHardState"]>): void {
    if (this.fenced) throw new Superseded();
    super.saveHardState(...state);
  }

  override append(entries: readonly Entry[]): void {
    if (this.fenced) throw new Superseded();
    super.append(entries);
  }
}

/** One life of a replica's object in memory. */
interface Instance {
  readonly node: RaftNode;
  readonly storage: FencedStorage;
  readonly incarnation: number;
  applied: LogIndex;
  /** The moment for which a tick is scheduled. */
  tickAt: number;
  readonly proposals: Map<number, number>;
  /** What was acknowledged when each read began, by token. */
  readonly reads: Map<number, number>;
  /** As leader of `matchTerm`: what each peer was last known to match. */
  matches: Map<MemberId, number>;
  matchTerm: number;
  /** Confirmed reads that wait until their index is applied. */
  confirmed: { readonly token: number; readonly index: LogIndex }[];
}

const ANSWERS = new Set(["preVoteAnswer", "voteAnswer", "appendAnswer", "heartbeatAnswer"]);

/** A replica that can crash and come back. */
export class Replica {
  readonly id: MemberId;
  readonly #options: ReplicaOptions;
  #durable: Image = { storage: EMPTY_IMAGE, incarnation: 0, applied: asLogIndex(0) };
  #turns: Turn[] = [];
  #instance: Instance | null = null;
  #zombies: Instance[] = [];
  /** The log as last checked. */
  #seen: readonly Entry[] = [];

  constructor(options: ReplicaOptions) {
    this.id = options.id;
    this.#options = options;
  }

  get isUp(): boolean {
    return this.#instance !== null;
  }

  get status() {
    return this.#instance?.node.status() ?? null;
  }

  get applied(): number {
    return this.#instance?.applied ?? this.#durable.applied;
  }

  /** What is durable of its log and hard state. */
  get durable(): StorageImage {
    return this.#durable.storage;
  }

  get readsWaiting(): number {
    return this.#instance?.reads.size ?? 0;
  }

  /** Comes up from what is durable, and raises its incarnation in its first turn. */
  start(): void {
    const { id, configuration, random } = this.#options;
    const { storage: image, applied } = this.#durable;
    const incarnation = this.#durable.incarnation + 1;
    const storage = new FencedStorage(image);
    storage.writes++;
    const node = new RaftNode({
      id,
      configuration,
      storage,
      applied,
      incarnation: asIncarnation(incarnation),
      seed: random.between(0, 2 ** 31),
      now: this.#now(),
      timing: DEFAULT_TIMING,
      version: 1,
    });
    if (node.status().role === "leader") this.#options.mark("resumed");
    this.#instance = {
      node,
      storage,
      incarnation,
      applied,
      tickAt: Infinity,
      proposals: new Map(),
      reads: new Map(),
      confirmed: [],
      matches: new Map(),
      matchTerm: 0,
    };
    this.#turn(this.#instance, () => {}, true);
  }

  /** Loses its memory, and perhaps the turns that are not confirmed. */
  crash(): void {
    const instance = this.#instance;
    if (instance === null) return;
    const { faults, random, mark } = this.#options;
    const lost = faults.losesTurns ? random.between(0, this.#turns.length + 1) : 0;
    const kept = this.#turns.slice(0, this.#turns.length - lost);
    if (lost > 0) mark("turnsLost");
    const sends = random.next() < 0.5;
    for (const turn of kept) this.#confirm(turn, sends);
    this.#turns = [];
    this.#instance = null;
    // With a turn lost its gate has broken: nothing that it does can ever leave again.
    if (lost > 0 || !faults.zombies) return;
    instance.storage.fenced = true;
    this.#zombies.push(instance);
    this.#options.schedule.after(random.between(0, 5_000), () => this.#bury(instance));
  }

  /** A superseded instance gets answers to its own calls and nothing else. */
  receive(message: Message): void {
    const instance = this.#instance;
    if (instance !== null) this.#turn(instance, (node, now) => node.step(message, now));
    if (!ANSWERS.has(message.kind)) return;
    for (const zombie of this.#zombies) {
      this.#turn(zombie, (node, now) => node.step(message, now));
    }
  }

  unreachable(peer: MemberId): void {
    this.#live((node, now) => node.unreachable(peer, now));
  }

  urge(): void {
    this.#live((node, now) => node.campaign(now));
  }

  propose(payloads: readonly Payload[]): void {
    this.#live((node, now, instance) => {
      const proposed = node.propose(payloads, now);
      if (proposed === null) return;
      for (const position of payloads.keys()) {
        instance.proposals.set(proposed.first + position, proposed.term);
      }
    });
  }

  read(): void {
    const floor = this.#options.checker.acknowledged;
    this.#live((node, now, instance) => {
      const token = node.readIndex(now);
      if (token !== null) instance.reads.set(token, floor);
    });
  }

  #live(input: (node: RaftNode, now: ReturnType<typeof asMilliseconds>, self: Instance) => void) {
    const instance = this.#instance;
    if (instance !== null) this.#turn(instance, (node, now) => input(node, now, instance));
  }

  /** One synchronous stretch of an instance: an input, and all that follows from it. */
  #turn(
    instance: Instance,
    input: (node: RaftNode, now: ReturnType<typeof asMilliseconds>) => void,
    writes = false,
  ): void {
    const { node, storage } = instance;
    const written = storage.writes - (writes ? 1 : 0);
    const gathered: Gathered = { effects: [], applied: [] };
    try {
      input(node, this.#now());
      while (node.hasReady()) this.#perform(instance, node.takeReady(), gathered);
    } catch (error) {
      if (!(error instanceof Superseded)) throw error;
      return this.#bury(instance);
    }
    this.#checkProgress(instance);
    this.#arm(instance);
    this.#hold(instance, gathered, storage.writes > written);
  }

  #perform(instance: Instance, ready: Ready, gathered: Gathered): void {
    const { checker, mark, send } = this.#options;
    const { effects } = gathered;
    for (const message of ready.messages) effects.push(() => send(message));
    if (ready.overwrittenFrom !== null) this.#fail(instance, ready.overwrittenFrom, effects);
    for (const entry of ready.committed) this.#apply(instance, entry, gathered);
    for (const token of ready.readsLost) instance.reads.delete(token);
    instance.confirmed.push(...ready.reads);
    const due = instance.confirmed.filter((read) => read.index <= instance.applied);
    instance.confirmed = instance.confirmed.filter((read) => read.index > instance.applied);
    for (const { token, index } of due) {
      const floor = instance.reads.get(token)!;
      instance.reads.delete(token);
      effects.push(() => {
        mark("read");
        if (instance.storage.fenced) mark("zombieRead");
        checker.sawRead(index, floor);
      });
    }
  }

  #apply(instance: Instance, entry: Entry, { applied, effects }: Gathered): void {
    const { checker, mark } = this.#options;
    if (instance.storage.fenced) throw new Superseded();
    applied.push(entry);
    instance.applied = entry.index;
    instance.storage.writes++;
    const term = instance.proposals.get(entry.index);
    instance.proposals.delete(entry.index);
    if (term === undefined) return;
    if (term === entry.term) effects.push(() => checker.sawAcknowledged(entry.index, term));
    else effects.push(() => checker.sawFailed(entry.index, term));
    mark(term === entry.term ? "acknowledged" : "failedAtIndex");
  }

  #fail(instance: Instance, from: LogIndex, effects: (() => void)[]): void {
    const { checker, mark } = this.#options;
    mark("overwritten");
    for (const [index, term] of instance.proposals) {
      if (index < from) continue;
      instance.proposals.delete(index);
      mark("failed");
      effects.push(() => checker.sawFailed(asLogIndex(index), term));
    }
  }

  #checkProgress(instance: Instance): void {
    const { checker, peer } = this.#options;
    const { term } = instance.node.status();
    if (instance.matchTerm !== term) instance.matches = new Map();
    instance.matchTerm = term;
    const { entries } = instance.storage.image;
    for (const { id, match, next } of instance.node.peers()) {
      const before = instance.matches.get(id) ?? 0;
      const { durable } = peer(id);
      const theirs = { term: durable.hardState.term, entries: durable.entries };
      checker.sawProgress({ term, entries }, { ...theirs, match, before, next });
      instance.matches.set(id, match);
    }
  }

  /** Schedules the tick that the node wants next, unless one is scheduled that is as early. */
  #arm(instance: Instance): void {
    const { schedule } = this.#options;
    const due = Math.max(instance.node.deadline(), schedule.now + 1);
    if (instance.tickAt > schedule.now && instance.tickAt <= due) return;
    instance.tickAt = due;
    schedule.after(due - schedule.now, () => {
      if (instance.tickAt !== due || !this.#isRunning(instance)) return;
      instance.tickAt = Infinity;
      this.#turn(instance, (node, now) => node.tick(now));
    });
  }

  /** The output gate: what a turn sends leaves when all writes up to it are durable. */
  #hold(instance: Instance, gathered: Gathered, wrote: boolean): void {
    const { effects } = gathered;
    if (instance.storage.fenced) return run(effects);
    const { faults, random, schedule } = this.#options;
    const { applied, incarnation, storage, node } = instance;
    const image = { storage: storage.image, applied, incarnation };
    const held: Turn = { image, status: node.status(), wrote, ...gathered };
    this.#turns.push(held);
    if (!wrote) return this.#release();
    schedule.after(random.between(0, faults.confirmMsMax + 1), () => {
      // A later turn's confirmation covers the earlier ones; none comes after a crash.
      const position = this.#turns.indexOf(held);
      for (const each of this.#turns.splice(0, position + 1)) this.#confirm(each, true);
      this.#release();
    });
  }

  /** Lets go of turns that wait for no write. */
  #release(): void {
    while (this.#turns[0]?.wrote === false) this.#confirm(this.#turns.shift()!, true);
  }

  /** A turn has become durable: only now can anyone see what it did. */
  #confirm(turn: Turn, sends: boolean): void {
    const { checker } = this.#options;
    const { storage, applied } = this.#durable;
    const { hardState } = turn.image.storage;
    checker.sawConfirmed(
      { hardState: storage.hardState, applied },
      { hardState, applied: turn.image.applied },
    );
    this.#durable = turn.image;
    this.#checkLog(turn.image.storage.entries);
    for (const entry of turn.applied) checker.sawApplied(this.id, entry, turn.status.term);
    checker.sawStatus({ id: this.id, entries: turn.image.storage.entries }, turn.status);
    if (sends) run(turn.effects);
  }

  /** Checks a log from the first position at which it differs from the one last checked. */
  #checkLog(entries: readonly Entry[]): void {
    let from = Math.min(this.#seen.length, entries.length);
    while (from > 0 && this.#seen[from - 1] !== entries[from - 1]) from--;
    if (from < this.#seen.length) this.#options.mark("truncated");
    this.#options.checker.sawLog({ id: this.id, entries }, from);
    this.#seen = entries;
  }

  #bury(zombie: Instance): void {
    this.#zombies = this.#zombies.filter((other) => other !== zombie);
  }

  #isRunning(instance: Instance): boolean {
    return this.#instance === instance || this.#zombies.includes(instance);
  }

  #now() {
    return asMilliseconds(this.#options.schedule.now);
  }
}

function run(effects: readonly (() => void)[]): void {
  for (const effect of effects) effect();
}
