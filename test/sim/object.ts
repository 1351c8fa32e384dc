// Owns one simulated Durable Object with a replica in it: the platform's rules for memory, storage and
// what leaves. Performs the core's effects as `src/object/host.ts` does. What travels between objects
// is `network.ts`'s.
//
// A turn is one input and its effects. Its writes are confirmed together and later; what it sends is
// held until then, in order. A crash takes a suffix of the turns that are not confirmed, whole.

import type {
  Directory,
  ReplicaAnswer,
  ReplicaCall,
  ReplicaStatus,
} from "../../src/api/replica.ts";
import type { ReceiverFrame } from "../../src/api/session.ts";
import { InvariantError } from "../../src/base/assert.ts";
import { asMilliseconds, asTerm, type Bytes, type Milliseconds } from "../../src/base/types.ts";
import { raiseIncarnation, storeRemoval } from "../../src/object/certificate.ts";
import { decodeMessages } from "../../src/raft/message-codec.ts";
import { SteadyClock } from "../../src/raft/timing.ts";
import type { Message } from "../../src/raft/types.ts";
import { ReplicaCore, type Identity } from "../../src/replica/core.ts";
import type { Effects } from "../../src/replica/effects.ts";
import type { Chance } from "./chance.ts";
import { MachineClock } from "./clock.ts";
import { InstanceStorage, SimDatabase, Superseded } from "./database.ts";
import type {
  Crash,
  Instance,
  ObjectParts,
  Outgoing,
  PeerReply,
  Socket,
  Turn,
  Waiting,
} from "./instance.ts";
import { bound, take } from "./waiting.ts";
import { Waking } from "./waking.ts";
import { Gate } from "./gate.ts";
import { Observer } from "./observer.ts";
import { Promises } from "./promises.ts";
import { must, type World } from "./world.ts";

export class SimObject {
  readonly id: bigint;
  readonly number: number;
  readonly machine: MachineClock;
  readonly database = new SimDatabase();
  readonly observer: Observer;
  readonly #parts: ObjectParts;
  readonly #world: World;
  readonly #chance: Chance;
  readonly #gate: Gate;
  readonly #waking: Waking;
  #instance: Instance | null = null;
  #zombies: Instance[] = [];
  #sockets = new Map<number, Socket>();
  #downUntil = 0;
  #hasEnded = false;
  #lastCall = 0;
  /** While false, neither its writes nor its clock misbehave. */
  isFaulty = true;
  /** The version of the code that its next instance runs. */
  codeVersion: number;

  constructor(parts: ObjectParts) {
    this.#parts = parts;
    this.codeVersion = parts.codeVersion;
    this.#world = parts.world;
    this.id = parts.identity.memberId;
    this.number = Number(this.id);
    const { streams, schedule } = parts.world;
    this.#chance = streams.stream(`object ${this.number}`);
    this.#waking = new Waking(parts.world, streams.stream(`alarm ${this.number}`), {
      tick: (instance) => this.#tick(instance),
      alarm: () => {
        if (!this.wake()) return this.#hasEnded;
        this.#tick(this.#instance!);
        return true;
      },
      hibernate: (instance) => {
        if (instance !== this.#instance) return;
        this.#world.mark("hibernated");
        this.crash({ loses: 0, zombieMs: 0, downMs: 0, isEviction: true });
      },
      isRunning: (instance) => this.isRunning(instance),
    });
    this.machine = new MachineClock(schedule, parts);
    this.observer = new Observer(this.number, { ...parts, database: this.database });
    this.#gate = new Gate({
      ...parts,
      database: this.database,
      observer: this.observer,
      disk: streams.stream(`disk ${this.number}`),
      isFaulty: () => this.isFaulty,
      perform: (outgoing) => this.#perform(outgoing),
      fail: (loses) => this.crash({ loses, zombieMs: 0, downMs: 1, isEviction: false }),
    });
  }

  get directory(): Directory | null {
    return this.#instance?.core.directory ?? null;
  }

  get isUp(): boolean {
    return this.#instance !== null;
  }

  get status(): ReplicaStatus | null {
    return this.#instance?.core.status() ?? null;
  }

  get hasUnconfirmed(): boolean {
    return !this.#gate.isEmpty;
  }

  /** Brings the object up for an event, if it may come up; false when it is unreachable. */
  wake(): boolean {
    if (this.#instance !== null) return true;
    if (this.#hasEnded || this.#world.schedule.now < this.#downUntil) return false;
    this.#start();
    return true;
  }

  /** A peer's call. False when nobody is there to answer. */
  receive(body: Bytes, waiting: Waiting<readonly Message[]>): boolean {
    const instance = this.#recipient();
    if (instance === null) return false;
    const reply: PeerReply = { ...bound(waiting), messages: [] };
    const messages = decodeMessages(body);
    const ran = this.#turn(instance, reply, (core, now) => {
      const { term: before } = core.status();
      reply.messages = core.peer(messages, now);
      instance.promises.check(messages, reply.messages, { before, after: core.status().term });
    });
    if (!ran) waiting.broken();
    return true;
  }

  /** A client's call. False when nobody is there to answer. */
  serve(call: ReplicaCall, waiting: Waiting<ReplicaAnswer>): boolean {
    if (this.#hasEnded) {
      waiting.answered({ kind: "removed", directory: this.#parts.identity.directory });
      return true;
    }
    const instance = this.#recipient();
    if (instance === null) return false;
    const id = ++this.#lastCall;
    instance.calls.set(id, waiting);
    this.#turn(instance, null, (core, now) => core.calls([[id, call]], now));
    return true;
  }

  urge(term: number): void {
    if (!this.wake()) return;
    this.#turn(this.#instance!, null, (core, now) => core.urge(asTerm(term), now));
  }

  /** The answer to a call of that instance. */
  peerAnswered(instance: Instance, messages: readonly Message[]): void {
    if (instance !== this.#instance) this.#misroute(messages);
    if (!this.isRunning(instance)) return;
    if (instance !== this.#instance) this.#world.mark("zombie answered");
    this.#turn(instance, null, (core, now) => core.peerAnswered(messages, now));
  }

  /** The successor of a gone instance gets an answer that is not for it. */
  #misroute(messages: readonly Message[]): void {
    const instance = this.#instance;
    if (instance === null || !this.#chance.hits(this.#world.faults.misrouteRate)) return;
    this.#world.mark("answer misrouted");
    this.#turn(instance, null, (core, now) => core.peerAnswered(messages, now));
  }

  peerFailed(instance: Instance, peer: Identity["memberId"]): void {
    if (!this.isRunning(instance)) return;
    this.#turn(instance, null, (core, now) => core.peerFailed(peer, now));
  }

  /** Opens a session; false when it cannot be served now. */
  openSession(socket: Socket): boolean {
    if (!this.wake() || this.status?.leader === null) return false;
    const instance = this.#instance!;
    this.#restoreSessions(instance);
    this.#sockets.set(socket.session, socket);
    this.#turn(instance, null, (core, now) => core.openSession(socket.session, socket, now));
    return true;
  }

  /** Frames from a receiver. False when its socket is gone. */
  sessionFrames(session: number, frames: readonly ReceiverFrame[]): boolean {
    if (!this.#sockets.has(session) || !this.wake()) return false;
    const instance = this.#instance!;
    this.#restoreSessions(instance);
    this.#turn(instance, null, (core, now) => {
      core.sessionFrames(session, frames, now);
    });
    return true;
  }

  sessionClosed(session: number): void {
    if (this.#sockets.delete(session)) this.#instance?.core.closeSession(session);
  }

  isRunning(instance: Instance): boolean {
    return instance === this.#instance || this.#zombies.includes(instance);
  }

  /** Loses its memory, and what else `how` says. */
  crash(how: Crash): void {
    const instance = this.#instance;
    this.#downUntil = Math.max(this.#downUntil, this.#world.schedule.now + how.downMs);
    if (instance === null) return;
    const { trace } = this.#world;
    const sends = how.isEviction || this.#chance.next() < 0.5;
    const lost = this.#gate.break(how.isEviction ? 0 : how.loses, sends);
    trace.note(how.isEviction ? "evict" : "crash", this.number, lost, how.zombieMs, how.downMs);
    if (lost > 0) this.#world.mark("turns lost");
    this.#instance = null;
    const isZombie = lost === 0 && how.zombieMs > 0;
    if (isZombie) this.#supersede(instance, how.zombieMs);
    else for (const waiting of instance.calls.values()) waiting.broken();
    if (how.isEviction) return;
    const sockets = [...this.#sockets.values()];
    this.#sockets.clear();
    for (const socket of sockets) socket.closed();
  }

  /** May come up again at once. */
  revive(): void {
    this.#downUntil = 0;
    this.wake();
  }

  close(): void {
    this.database.close();
  }

  /** Who gets an event: the live instance; of the adversary, a zombie as well. */
  #recipient(): Instance | null {
    const zombie = this.#zombies.at(-1);
    if (this.#world.isAdverse && zombie !== undefined && this.#chance.next() < 0.5) return zombie;
    return this.wake() ? this.#instance : null;
  }

  #supersede(instance: Instance, forMs: number): void {
    instance.storage.isFenced = true;
    this.#zombies.push(instance);
    this.#world.mark("zombie");
    this.#world.schedule.after(forMs, () => this.#bury(instance));
  }

  #bury(zombie: Instance): void {
    const before = this.#zombies.length;
    this.#zombies = this.#zombies.filter((other) => other !== zombie);
    if (this.#zombies.length === before) return;
    for (const waiting of zombie.calls.values()) waiting.broken();
  }

  /** Comes up from its database, and raises its incarnation in its first turn. */
  #start(): void {
    const storage = new InstanceStorage(this.database);
    const clock = new SteadyClock(asMilliseconds(this.machine.now()));
    this.database.beginTurn();
    const core = new ReplicaCore({
      identity: this.#parts.identity,
      sql: storage,
      incarnation: raiseIncarnation(storage),
      seed: this.#chance.between(0, 2 ** 31),
      now: clock.now,
      timing: this.#parts.timing,
      codeVersion: this.codeVersion,
    });
    const instance: Instance = {
      core,
      storage,
      clock,
      calls: new Map(),
      links: new Map(),
      promises: new Promises(this.observer.standing.name),
      timerAt: Infinity,
      turns: 0,
      areSessionsRestored: false,
    };
    this.#instance = instance;
    if (core.status().role === "leader") this.#world.mark("leadership resumed");
    this.#world.trace.note("start", this.number, core.status().incarnation);
    const before = this.observer.standing.incarnation;
    const { incarnation } = core.status();
    must(incarnation > before, `replica ${this.number} starts with incarnation ${before} again`);
    this.#finish(instance, null);
  }

  /** Runs one input. False when the instance found itself superseded: it is over. */
  #turn(
    instance: Instance,
    reply: PeerReply | null,
    input: (core: ReplicaCore, now: Milliseconds) => void,
  ): boolean {
    this.database.beginTurn();
    try {
      input(instance.core, instance.clock.read(asMilliseconds(this.machine.now())));
      const { restart, isRemoved } = this.#finish(instance, reply);
      if (isRemoved) this.#end(instance);
      else if (restart) this.#rebuild(instance);
      return true;
    } catch (error) {
      // A superseded instance's memory may contradict what its successor has said: it breaks, alone.
      const isFenced = error instanceof Superseded;
      const breaks = instance !== this.#instance && error instanceof InvariantError;
      if (!isFenced && !breaks) throw error;
      if (breaks) this.#world.mark("zombie broke");
      this.database.endTurn();
      this.#bury(instance);
      return false;
    }
  }

  #finish(instance: Instance, reply: PeerReply | null): Effects {
    const { core } = instance;
    const effects = core.takeEffects();
    const wrote = this.database.endTurn();
    if (!effects.restart && !effects.isRemoved) this.#waking.keep(instance);
    const turn = { instance, effects, reply };
    const isFree = instance.storage.isFenced || (wrote === 0 && this.#gate.isEmpty);
    if (isFree) this.#perform(turn);
    else this.#gate.hold({ ...turn, ...this.#remains(core, wrote, effects.restart) });
    return effects;
  }

  #remains(core: ReplicaCore, wrote: number, isInstalled: boolean): Omit<Turn, keyof Outgoing> {
    if (wrote === 0) return { wrote: false, plate: -1, facts: null };
    const status = core.status();
    this.#world.trace.note("turn", this.number, status.term, status.commit, status.revision);
    const facts = this.observer.observe(wrote, status, isInstalled);
    return { wrote: true, plate: this.database.plates - 1, facts };
  }

  /** A snapshot has replaced the state below the core: another one is built on it. */
  #rebuild(instance: Instance): void {
    this.#world.mark("snapshot installed");
    for (const waiting of instance.calls.values()) waiting.answered({ kind: "timeout" });
    this.#start();
    this.#restoreSessions(this.#instance!);
  }

  /** It was removed: this is stored, and it never runs again. */
  #end(instance: Instance): void {
    this.#world.mark("member ended");
    this.#world.trace.note("end", this.number);
    this.database.beginTurn();
    storeRemoval(instance.storage, instance.core.directory);
    this.#finish(instance, null);
    this.#instance = null;
    this.#hasEnded = true;
    for (const waiting of instance.calls.values()) waiting.broken();
    for (const socket of this.#sockets.values()) socket.closed();
    this.#sockets.clear();
  }

  #perform({ instance, effects, reply }: Outgoing): void {
    reply?.answered(reply.messages);
    for (const send of effects.sends) this.#parts.send(this, instance, send);
    for (const { call, answer } of effects.answers) take(instance.calls, call)?.answered(answer);
    for (const { session, frames } of effects.frames) {
      if (frames.length > 0) this.#sockets.get(session)?.frames(frames);
    }
    for (const { session, checkpoint } of effects.checkpoints) {
      const socket = this.#sockets.get(session);
      if (socket !== undefined) socket.checkpoint = checkpoint;
    }
    for (const { session } of effects.closes) {
      const socket = this.#sockets.get(session);
      this.#sockets.delete(session);
      socket?.closed();
    }
    if (!effects.awaitsDurable) return;
    this.#world.schedule.after(0, () => {
      if (this.isRunning(instance)) this.#turn(instance, null, (core, now) => core.durable(now));
    });
  }

  #tick(instance: Instance): void {
    if (instance === this.#instance) this.#restoreSessions(instance);
    this.#turn(instance, null, (core, now) => core.tick(now));
  }

  /** Sockets are looked at on the first event, not in the constructor. */
  #restoreSessions(instance: Instance): void {
    if (instance.areSessionsRestored) return;
    instance.areSessionsRestored = true;
    for (const socket of this.#sockets.values()) {
      this.#world.mark("session restored");
      socket.wasRestored = true;
      this.#turn(instance, null, (core, now) => core.openSession(socket.session, socket, now));
    }
  }
}
