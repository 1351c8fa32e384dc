// Owns running a replica's core in a Durable Object: it hands inputs in, performs the effects, and
// keeps the one timer and the one alarm. What a replica does is decided in `replica/`.

import type { ReplicaAnswer, ReplicaCall, ReplicaStatus } from "../api/replica.ts";
import { CLOSE_PROTOCOL, CLOSE_RESUME, type ReceiverFrame } from "../api/session.ts";
import { assert, present } from "../base/assert.ts";
import { CodecError } from "../base/codec.ts";
import { SESSIONS_MAX } from "../base/limits.ts";
import { asMilliseconds, type Milliseconds, type Term } from "../base/types.ts";
import { decodeMessages, encodeMessages } from "../raft/message-codec.ts";
import { SteadyClock } from "../raft/timing.ts";
import { ReplicaCore, type Identity } from "../replica/core.ts";
import type { Effects } from "../replica/effects.ts";
import { raiseIncarnation } from "./certificate.ts";
import type { Environment } from "./environment.ts";
import { pause } from "./pause.ts";
import { oneWayDelays } from "./round-trips.ts";
import { Sockets } from "./sockets.ts";
import type { SqlStorage } from "./sql-storage.ts";
import { replicaStub } from "./stubs.ts";
import { PEER_CALL_MS_MAX, Transport } from "./transport.ts";

/**
 * How far ahead the alarm is set while leases run. It only backs up the timer, which is lost with
 * the memory of the object, and each setting costs a row.
 */
const ALARM_MS = 30_000;

export interface HostOptions {
  readonly context: DurableObjectState;
  readonly environment: Environment;
  readonly sql: SqlStorage;
  readonly cluster: string;
  readonly identity: Identity;
}

/** What a caller that is cut off hears; by then it has given up by its own deadline. */
async function silence(): Promise<Response> {
  await pause(PEER_CALL_MS_MAX);
  return new Response("cut off", { status: 503 });
}

export class Host {
  readonly #context: DurableObjectState;
  readonly #sql: SqlStorage;
  readonly #core: ReplicaCore;
  readonly #transport: Transport;
  readonly #sockets: Sockets;
  readonly #waiting = new Map<number, (answer: ReplicaAnswer) => void>();
  readonly #clock = new SteadyClock(asMilliseconds(Date.now()));
  #lastCall = 0;
  #timer: { readonly at: Milliseconds; readonly id: number } | null = null;
  #isAlarmSet = false;
  #areSessionsRestored = false;
  #isIsolated: boolean;

  constructor(options: HostOptions) {
    const { context, sql, identity } = options;
    this.#context = context;
    this.#sql = sql;
    this.#sockets = new Sockets(context);
    this.#transport = this.#connect(options);
    this.#isIsolated =
      sql.all<{ isolated: number }>("SELECT isolated FROM meta")[0]?.isolated === 1;
    if (this.#isIsolated) this.#cutOff();
    this.#core = new ReplicaCore({
      identity,
      sql,
      incarnation: raiseIncarnation(sql),
      seed: crypto.getRandomValues(new Uint32Array(1))[0]!,
      now: this.#now(),
    });
    this.#perform(this.#core.takeEffects());
  }

  /** A client's call, as the router passes it on. */
  serve(call: ReplicaCall): Promise<ReplicaAnswer> {
    return new Promise((resolve) => {
      if (this.#isIsolated) {
        setTimeout(() => resolve({ kind: "timeout" }), call.timeoutMs);
        return;
      }
      const id = ++this.#lastCall;
      this.#waiting.set(id, resolve);
      this.#turn((core) => core.call(id, call, this.#now()));
    });
  }

  /** A peer's batch of messages; the answer carries what goes back to it. */
  async receive(request: Request): Promise<Response> {
    const body = new Uint8Array(await request.arrayBuffer());
    if (this.#isIsolated) return silence();
    const messages = decodeMessages(body);
    const answers = this.#turn((core) => core.peer(messages, this.#now()));
    return new Response(encodeMessages(answers));
  }

  urge(term: Term): void {
    if (!this.#isIsolated) this.#turn((core) => core.urge(term, this.#now()));
  }

  get peerCalls(): number {
    return this.#transport.calls;
  }

  status(): ReplicaStatus {
    return this.#core.status();
  }

  /** Opens a session on a WebSocket. */
  openSession(): Response {
    const hasLeader = this.#core.status().leader !== null;
    if (this.#isIsolated || !hasLeader || this.#sockets.count >= SESSIONS_MAX) {
      return new Response("this replica can serve no session now", { status: 503 });
    }
    this.#restoreSessions();
    const [client, server] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket];
    const session = this.#sockets.accept(server);
    this.#turn((core) => core.openSession(session, null, this.#now()));
    return new Response(null, { status: 101, webSocket: client });
  }

  sessionMessage(socket: WebSocket, message: ArrayBuffer | string): void {
    if (this.#isIsolated) return;
    this.#restoreSessions();
    const session = this.#sockets.sessionOf(socket);
    if (session === null) return;
    const frames = this.#readFrames(session, message);
    this.#turn((core) => {
      for (const frame of frames) core.sessionFrame(session, frame, this.#now());
    });
  }

  sessionClosed(socket: WebSocket): void {
    const session = this.#sockets.forget(socket);
    if (session !== null) this.#core.closeSession(session);
  }

  /** The alarm went off: time has to go on. */
  wake(): void {
    this.#isAlarmSet = false;
    this.#tick();
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

  #connect({ environment, cluster, identity }: HostOptions): Transport {
    const { directory, memberId } = identity;
    const self = present(
      directory.members.find(({ id }) => id === memberId),
      "a replica is a member of its cluster",
    );
    const delayMs = oneWayDelays(environment);
    return new Transport(directory.members, {
      fetch: (peer, request) => replicaStub(environment, cluster, peer).fetch(request),
      delayMs: (peer) => delayMs(self.region, peer.region),
      answered: (_, messages) => this.#turn((core) => core.peerAnswered(messages, this.#now())),
      failed: (peer) => this.#turn((core) => core.peerFailed(peer, this.#now())),
    });
  }

  /**
   * One input and its effects. Whatever is thrown inside, a broken invariant or a row that does not
   * decode, leaves memory and database apart, and stops the object here: it restarts from what is
   * durable, and nothing of the broken turn leaves it.
   */
  #turn<T>(input: (core: ReplicaCore) => T): T {
    try {
      const result = input(this.#core);
      this.#perform(this.#core.takeEffects());
      return result;
    } catch (error) {
      console.error(error);
      this.#context.abort(String(error));
      throw error;
    }
  }

  #perform(effects: Effects): void {
    this.#sql.whileSending(() => {
      for (const send of effects.sends) this.#transport.send(send);
      for (const { call, answer } of effects.answers) this.#resolve(call, answer);
      this.#sockets.perform(effects);
    });
    for (const { trace, index } of effects.traces) console.log(JSON.stringify({ trace, index }));
    if (effects.awaitsDurable) void this.#confirm();
    this.#arm();
  }

  #resolve(call: number, answer: ReplicaAnswer): void {
    const resolve = this.#waiting.get(call);
    assert(resolve !== undefined, "a call is answered once");
    this.#waiting.delete(call);
    resolve(this.#isIsolated ? { kind: "timeout" } : answer);
  }

  async #confirm(): Promise<void> {
    await this.#context.storage.sync();
    this.#turn((core) => core.durable(this.#now()));
  }

  #tick(): void {
    this.#restoreSessions();
    this.#turn((core) => core.tick(this.#now()));
  }

  /** Sockets are looked at on the first event, not in the constructor: waking is quick. */
  #restoreSessions(): void {
    if (this.#areSessionsRestored || this.#isIsolated) return;
    this.#areSessionsRestored = true;
    for (const { session, checkpoint } of this.#sockets.restore()) {
      this.#turn((core) => core.openSession(session, checkpoint, this.#now()));
    }
  }

  /** Keeps the timer no later than the core's deadline; an early one finds nothing to do. */
  #arm(): void {
    const at = this.#core.deadline();
    if (this.#timer === null || at < this.#timer.at) {
      if (this.#timer !== null) clearTimeout(this.#timer.id);
      const id = setTimeout(() => this.#fire(), Math.max(at - this.#now(), 0));
      this.#timer = { at, id };
    }
    if (this.#core.hasRunningLeases && !this.#isAlarmSet) {
      this.#isAlarmSet = true;
      void this.#context.storage.setAlarm(Date.now() + ALARM_MS);
    }
  }

  #fire(): void {
    this.#timer = null;
    this.#tick();
  }
}
