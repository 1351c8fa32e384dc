// Owns running a replica's core in a Durable Object: it hands inputs in, and performs the effects.
// What a replica does is decided in `replica/`, when it wakes by itself in `wakeups.ts`.

import type { ReplicaMetrics } from "../api/metrics.ts";
import type {
  Directory,
  Member,
  Place,
  ReplicaAnswer,
  ReplicaCall,
  ReplicaStatus,
  SnapshotDownload,
} from "../api/replica.ts";
import type { SessionIdentity } from "../api/session-identity.ts";
import { CLOSE_PROTOCOL, CLOSE_RESUME, type ReceiverFrame } from "../api/session.ts";
import { assert } from "../base/assert.ts";
import { CodecError } from "../base/codec.ts";
import { SESSIONS_MAX } from "../base/limits.ts";
import { placeIn } from "../base/membership.ts";
import { asMilliseconds, type Bytes, type Milliseconds, type Term } from "../base/types.ts";
import { decodeMessages, encodeMessages } from "../raft/message-codec.ts";
import { SteadyClock } from "../raft/timing.ts";
import { ReplicaCore, type Identity } from "../replica/core.ts";
import type { Effects } from "../replica/effects.ts";
import { raiseIncarnation, storeRemoval } from "./certificate.ts";
import { progressMsOf, timingOf, type Environment } from "./environment.ts";
import { Meters } from "./meters.ts";
import { tellGenesis, tellReplica } from "./notices.ts";
import { pause, withinTime } from "./pause.ts";
import { Registry } from "./registry.ts";
import { oneWayDelays } from "./round-trips.ts";
import { Sockets, type RestoredSession } from "./sockets.ts";
import type { SqlStorage } from "./sql-storage.ts";
import { genesisStub, replicaStub } from "./stubs.ts";
import { silence, Transport } from "./transport.ts";
import { isTooLate } from "./late-calls.ts";
import { clocksOf, Wakeups } from "./wakeups.ts";

export interface HostOptions {
  readonly context: DurableObjectState;
  readonly environment: Environment;
  readonly sql: SqlStorage;
  readonly cluster: string;
  /** Where this replica lives. The members need not name it: it may be joining. */
  readonly region: string;
  readonly identity: Identity;
  /** This replica was removed: the host has ended, and is to be let go. */
  readonly onRemoved: (directory: Directory) => void;
}

export class Host {
  readonly #options: HostOptions;
  readonly #sql: SqlStorage;
  readonly #transport: Transport;
  readonly #sockets: Sockets;
  readonly #registry: Registry;
  readonly #wakeups: Wakeups;
  readonly #meters = new Meters();
  readonly #waiting = new Map<number, (answer: ReplicaAnswer) => void>();
  readonly #clock = new SteadyClock(asMilliseconds(Date.now()));
  #core: ReplicaCore;
  #lastCall = 0;
  #areSessionsRestored = false;
  #isIsolated: boolean;
  #hasEnded = false;

  constructor(options: HostOptions) {
    const { context, sql } = options;
    this.#options = options;
    this.#sql = sql;
    this.#sockets = new Sockets(context);
    this.#transport = this.#connect();
    const clocks = clocksOf(context.storage, () => this.#now());
    this.#wakeups = new Wakeups(clocks, () => this.#tick());
    this.#isIsolated =
      sql.all<{ isolated: number }>("SELECT isolated FROM meta")[0]?.isolated === 1;
    this.#core = this.#startCore();
    if (this.#isIsolated) this.#cutOff();
    const { directory } = this.#core;
    this.#registry = this.#register(directory);
    this.#transport.adopt(directory.members);
    this.#perform(this.#core.takeEffects());
  }

  /** A client's call, as the router passes it on. */
  async serve(call: ReplicaCall): Promise<ReplicaAnswer> {
    if (this.#isIsolated) {
      await pause(call.timeoutMs);
      return { kind: "timeout" };
    }
    const ready = await this.#prepare(call);
    return ready === null ? { kind: "timeout" } : this.#begin([ready])[0]!;
  }

  /** Calls that came together are begun in one turn. Of a kind that needs no preparation. */
  serveAll(calls: readonly ReplicaCall[]): Promise<ReplicaAnswer>[] {
    return this.#isIsolated ? calls.map((call) => this.serve(call)) : this.#begin(calls);
  }

  #begin(calls: readonly ReplicaCall[]): Promise<ReplicaAnswer>[] {
    const begun: [id: number, call: ReplicaCall][] = [];
    const startedAt = this.#now();
    const answers = calls.map(async (call): Promise<ReplicaAnswer> => {
      if (this.#hasEnded || isTooLate(call)) return { kind: "timeout" };
      this.#meters.requestStarted(call.request.kind);
      const id = ++this.#lastCall;
      begun.push([id, call]);
      const { promise, resolve } = Promise.withResolvers<ReplicaAnswer>();
      this.#waiting.set(id, resolve);
      const answer = await promise;
      this.#meters.requestEnded(call.request, answer, this.#now() - startedAt);
      return answer;
    });
    if (begun.length > 0) this.#turn((core) => core.calls(begun, this.#now()));
    return answers;
  }

  /** A peer's batch of messages; the answer carries what goes back to it. */
  async receive(request: Request): Promise<Response> {
    const body = new Uint8Array(await request.arrayBuffer());
    if (this.#isIsolated) return silence();
    if (this.#hasEnded) return new Response("removed", { status: 410 });
    const messages = decodeMessages(body);
    const answers = this.#turn((core) => core.peer(messages, this.#now()));
    return new Response(encodeMessages(answers));
  }

  /** A part of a snapshot that a call has opened; null when its pin is lost. */
  snapshotPart(name: string, cursor: Bytes): SnapshotDownload | null {
    if (this.#isIsolated || this.#hasEnded) return null;
    const part = this.#turn((core) => core.downloads.part(name, cursor, this.#now()));
    const { databaseSize: databaseBytes } = this.#options.context.storage.sql;
    return part === null ? null : { ...part, databaseBytes };
  }

  snapshotEnd(name: string): void {
    if (this.#hasEnded) return;
    this.#core.downloads.end(name);
    this.#tick();
  }

  urge(term: Term): void {
    if (!this.#isIsolated) this.#turn((core) => core.urge(term, this.#now()));
  }

  get counts(): { readonly peerCalls: number; readonly alarmsSet: number } {
    return { peerCalls: this.#transport.calls, alarmsSet: this.#wakeups.alarmsSet };
  }

  status(): ReplicaStatus {
    return this.#core.status();
  }

  metrics(): Omit<ReplicaMetrics, "cost"> {
    return { status: this.status(), levels: this.#core.levels(), ...this.#meters.read() };
  }

  /** Opens a session on a WebSocket: the router's, or that of the client with that identity. */
  openSession(identity: SessionIdentity | null): Response {
    const hasLeader = this.#core.status().leader !== null;
    if (this.#isIsolated || !hasLeader || this.#sockets.count >= SESSIONS_MAX) {
      return new Response("this replica can serve no session now", { status: 503 });
    }
    this.#restoreSessions();
    const [client, server] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket];
    const session = this.#sockets.accept(server, identity);
    this.#turn((core) => core.openSession(session, { checkpoint: null, identity }, this.#now()));
    return new Response(null, { status: 101, webSocket: client });
  }

  sessionMessage(socket: WebSocket, message: ArrayBuffer | string): void {
    if (this.#isIsolated) return;
    this.#restoreSessions();
    const session = this.#sockets.sessionOf(socket);
    if (session === null) return;
    const frames = this.#readFrames(session, message);
    this.#turn((core) => core.sessionFrames(session, frames, this.#now()));
  }

  sessionClosed(socket: WebSocket): void {
    const session = this.#sockets.forget(socket);
    if (session === null) return;
    this.#meters.sessionClosed();
    this.#core.closeSession(session);
  }

  /** The alarm went off: time has to go on. */
  wake(): void {
    this.#wakeups.alarmWentOff();
    this.#tick();
  }

  /**
   * Ends this replica for ever: it was removed from the cluster, and `directory` says who to turn
   * to; when there is nobody, it is the last that this one knew. Stored before anyone is told, so
   * that no later instance takes part again.
   */
  end(directory: Directory = this.#core.directory): void {
    if (this.#hasEnded) return;
    storeRemoval(this.#sql, directory);
    this.#hasEnded = true;
    this.#wakeups.stop();
    this.#transport.adopt([]);
    for (const call of this.#waiting.keys()) this.#resolve(call, { kind: "removed", directory });
    this.#sockets.closeAll(CLOSE_RESUME, "this replica was removed");
    this.#options.onRemoved(directory);
  }

  /** Lab: cuts the replica off from its peers and from the router. Outlives an eviction. */
  isolate(): void {
    this.#sql.run("UPDATE meta SET isolated = 1");
    this.#cutOff();
  }

  heal(): void {
    this.#sql.run("UPDATE meta SET isolated = 0");
    this.#isIsolated = false;
    this.#transport.isCut = false;
    // What was sent while silent is lost, so those sockets cannot go on.
    this.#sockets.closeForgotten(CLOSE_RESUME, "resume");
    this.#sockets.answerPings();
  }

  /** What is not of the protocol ends the session. */
  #readFrames(session: number, message: ArrayBuffer | string): ReceiverFrame[] {
    try {
      return this.#sockets.read(message);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      this.#core.closeSession(session);
      this.#sockets.end(session, CLOSE_PROTOCOL, "that is not a frame of the session protocol");
      return [];
    }
  }

  /** The machine's clock, made never to go back: for all timers, as Raft has it for its own. */
  #now(): Milliseconds {
    return this.#clock.read(asMilliseconds(Date.now()));
  }

  #cutOff(): void {
    this.#isIsolated = true;
    this.#transport.isCut = true;
    for (const session of this.#sockets.fallSilent()) this.#core.closeSession(session);
  }

  #connect(): Transport {
    const { environment, cluster, region } = this.#options;
    const delayMs = oneWayDelays(environment);
    return new Transport({
      fetch: (peer, request) =>
        replicaStub(environment, cluster, this.#placeOf(peer)).fetch(request),
      delayMs: (peer) => delayMs(region, peer.region),
      answered: (_, messages) => this.#turn((core) => core.peerAnswered(messages, this.#now())),
      called: (peer, peerCall) => this.#meters.peerCalled(peer, peerCall),
      failed: (peer) => this.#turn((core) => core.peerFailed(peer, this.#now())),
    });
  }

  #register(directory: Directory): Registry {
    const { environment, cluster } = this.#options;
    return new Registry({
      directory,
      tellReplica: (member, notice, body) =>
        tellReplica(environment, { cluster, place: this.#placeOf(member) }, notice, body),
      tellGenesis: (news) => tellGenesis(environment, cluster, news),
    });
  }

  #placeOf(member: Member): Place {
    return placeIn(this.#options.identity.directory, member);
  }

  #startCore(): ReplicaCore {
    const { identity, environment } = this.#options;
    return new ReplicaCore({
      identity,
      sql: this.#sql,
      incarnation: raiseIncarnation(this.#sql),
      seed: crypto.getRandomValues(new Uint32Array(1))[0]!,
      now: this.#now(),
      timing: timingOf(environment),
      progressMs: progressMsOf(environment),
    });
  }

  /**
   * The call as the core takes it: a member that is to be added is admitted by Genesis first. Null
   * when Genesis cannot do that now.
   */
  async #prepare(call: ReplicaCall): Promise<ReplicaCall | null> {
    const { request } = call;
    const isAddition = request.kind === "memberAdd" && request.member === null;
    if (!isAddition || this.#core.status().role !== "leader") return call;
    // Whoever may not add members does not have them named either.
    if (!this.#core.letsIn(call)) return call;
    const { environment, cluster } = this.#options;
    const generation = this.#core.nextGeneration(request.region);
    const genesis = genesisStub(environment, cluster);
    const admission = genesis.admit(request.region, generation, this.#core.directory);
    const member = await withinTime(call.timeoutMs, admission);
    return member === null ? null : { ...call, request: { ...request, member } };
  }

  /**
   * One input and its effects. Whatever is thrown inside, a broken invariant or a row that does not
   * decode, leaves memory and database apart, and stops the object here: it restarts from what is
   * durable, and nothing of the broken turn leaves it.
   */
  #turn<T>(input: (core: ReplicaCore) => T): T {
    assert(!this.#hasEnded, "a replica that was removed does nothing");
    try {
      const result = input(this.#core);
      this.#perform(this.#core.takeEffects());
      return result;
    } catch (error) {
      console.error(error);
      this.#options.context.abort(String(error));
      throw error;
    }
  }

  #perform(effects: Effects): void {
    this.#sql.whileSending(() => {
      for (const send of effects.sends) this.#transport.send(send);
      for (const { call, answer } of effects.answers) this.#resolve(call, answer);
      this.#sockets.perform(effects);
    });
    for (const one of effects.served) this.#meters.served(one, this.#now());
    for (const { trace, index } of effects.traces) console.log(JSON.stringify({ trace, index }));
    if (effects.awaitsDurable) void this.#confirm(this.#core);
    if (effects.membership !== null) this.#transport.adopt(effects.membership.members);
    if (effects.settled !== null) this.#registry.changed(effects.settled);
    if (effects.isRemoved) this.end(this.#core.directory);
    else if (effects.restart) this.#restart();
    else this.#settle(effects);
  }

  /** What is due after each turn. */
  #settle({ leader }: Effects): void {
    this.#meters.follow(leader);
    if (this.#registry.hasNews) this.#registry.settle(this.#core.status().role === "leader");
    // Sessions of an earlier instance want to hear what was applied, in a turn of their own.
    const isWanted = !this.#areSessionsRestored && !this.#isIsolated;
    this.#wakeups.keep({
      deadline: isWanted ? this.#now() : this.#core.deadline(),
      // A pin, or a request, is lost with the memory, which a timer holds.
      isOccupied: this.#waiting.size > 0 || this.#core.needs.memory,
      mustSurvive: this.#core.needs.time,
    });
  }

  /** A snapshot has replaced the state below the core: another one is built on it. */
  #restart(): void {
    for (const call of this.#waiting.keys()) this.#resolve(call, { kind: "timeout" });
    this.#core = this.#startCore();
    this.#transport.adopt(this.#core.directory.members);
    this.#reopenSessions(this.#sockets.checkpoints());
    this.#perform(this.#core.takeEffects());
  }

  #resolve(call: number, answer: ReplicaAnswer): void {
    const resolve = this.#waiting.get(call);
    assert(resolve !== undefined, "a call is answered once");
    this.#waiting.delete(call);
    resolve(this.#isIsolated ? { kind: "timeout" } : answer);
  }

  /** Tells `written`, the core that wrote, once it is durable; unless it is gone by then. */
  async #confirm(written: ReplicaCore): Promise<void> {
    const writtenAt = this.#now();
    await this.#options.context.storage.sync();
    this.#meters.committed(this.#now() - writtenAt);
    const isGone = this.#core !== written || this.#hasEnded;
    if (!isGone) this.#turn((core) => core.durable(this.#now()));
  }

  #tick(): void {
    this.#restoreSessions();
    this.#turn((core) => core.tick(this.#now()));
  }

  /** Sockets are looked at on the first event, not in the constructor: waking is quick. */
  #restoreSessions(): void {
    if (this.#areSessionsRestored || this.#isIsolated) return;
    this.#areSessionsRestored = true;
    const sessions = this.#sockets.restore();
    if (sessions.length === 0) return;
    this.#turn(() => this.#reopenSessions(sessions));
  }

  #reopenSessions(sessions: readonly RestoredSession[]): void {
    for (const { session, opening } of sessions) {
      this.#core.openSession(session, opening, this.#now());
    }
  }
}
