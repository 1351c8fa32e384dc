// Owns how simulated clients reach the cluster by a session: the requests of several, pipelined on one
// socket to the leader, and repeated with the same request ids on the next one when it is lost. Each
// number that was asked is answered once, on the connection on which it was asked.

import { decodeSessionAnswer } from "../../../src/api/session-answer-codec.ts";
import type { SessionAnswer, SessionCall, SessionRequest } from "../../../src/api/session-call.ts";
import {
  answerWeight,
  SESSION_VERSION,
  type ReceiverFrame,
  type ReplicaFrame,
} from "../../../src/api/session.ts";
import { TURNED_AWAY } from "../../../src/api/turned-away.ts";
import type { ClientRequest, Freshness } from "../../../src/api/replica.ts";
import type { Credentials } from "../../../src/base/auth.ts";
import type { Chance } from "../chance.ts";
import type { Network } from "../network.ts";
import type { SimObject } from "../object.ts";
import { must, type World } from "../world.ts";
import { Connection } from "./connection.ts";
import { requestIdOf, ROOT, type Asker, type Result } from "./router.ts";

/** How long a caller waits, and its replica with it. */
const REQUEST_MS = 8_000;
/** Between two looks at whether the socket should be lost. */
const NUDGE_MS = [300, 4_000] as const;

interface Pending {
  readonly call: SessionCall;
  readonly until: number;
  readonly done: (result: Result) => void;
  isSent: boolean;
  /** An attempt ended without an outcome: it may still happen. */
  isUncertain: boolean;
}

export interface SessionLineOptions {
  readonly place: number;
  readonly world: World;
  readonly network: Network;
  readonly objects: readonly SimObject[];
}

class LineAsker implements Asker {
  readonly client: number;
  readonly #line: SessionLine;

  constructor(line: SessionLine, client: number) {
    this.#line = line;
    this.client = client;
  }

  set credentials(credentials: Credentials) {
    this.#line.credentials = credentials;
  }

  ask(request: ClientRequest, done: (result: Result) => void, idempotencyKey?: string): void {
    this.#line.ask(request, idempotencyKey === undefined ? {} : { idempotencyKey }, done);
  }

  askAnyone(
    request: ClientRequest,
    freshness: Freshness | undefined,
    done: (result: Result) => void,
  ): void {
    this.#line.ask(request, freshness === undefined ? {} : { freshness }, done);
  }
}

export class SessionLine {
  credentials: Credentials = ROOT;
  readonly #options: SessionLineOptions;
  readonly #chance: Chance;
  readonly #pending = new Map<number, Pending>();
  /** Asked on this connection, and not answered. */
  #asked = new Set<number>();
  #connection: Connection | null = null;
  #isLive = false;
  #hint: bigint | null = null;
  #hintTerm = 0;
  #numbers = 0;
  #requests = 0;
  #isSettled = false;

  constructor(options: SessionLineOptions) {
    this.#options = options;
    this.#chance = options.world.streams.stream(`session line ${options.place}`);
  }

  /** A client on this line. All on it are one, as far as the cluster knows. */
  asker(client: number): Asker {
    return new LineAsker(this, client);
  }

  start(): void {
    const { world } = this.#options;
    world.schedule.after(this.#chance.between(...NUDGE_MS), () => {
      if (this.#isSettled) return;
      if (this.#chance.next() < 0.3) this.#connection?.break();
      this.start();
    });
  }

  /** Loses no more sockets by itself. */
  stop(): void {
    this.#isSettled = true;
  }

  ask(
    request: ClientRequest,
    given: { readonly freshness?: Freshness; readonly idempotencyKey?: string },
    done: (result: Result) => void,
  ): void {
    const { world, place } = this.#options;
    const number = ++this.#numbers;
    const requestId = requestIdOf(place, ++this.#requests);
    const call = { request: request as SessionRequest, requestId, trace: "", ...given };
    const until = world.schedule.now + REQUEST_MS;
    const state = { isSent: false, isUncertain: false };
    this.#pending.set(number, { call: { ...call, timeoutMs: REQUEST_MS }, until, done, ...state });
    world.schedule.after(REQUEST_MS, () => this.#timeOut(number));
    if (this.#pending.size > 1) world.mark("session pipelines");
    this.#connect();
    this.#sendUnsent();
  }

  /** Its time is over. Whoever hears nothing for so long looks for another replica. */
  #timeOut(number: number): void {
    const pending = this.#pending.get(number);
    if (pending === undefined) return;
    this.#end(number, { kind: "unknown" });
    if (!pending.isSent) return;
    this.#hint = null;
    this.#urge();
    this.#connection?.break();
  }

  #end(number: number, result: Result): void {
    const pending = this.#pending.get(number)!;
    this.#pending.delete(number);
    pending.done(result);
  }

  #connect(): void {
    const { world, objects, network, place: client } = this.#options;
    if (this.#connection !== null) return;
    const known = objects.find(({ id }) => id === this.#hint);
    const object = known ?? this.#chance.pick(objects);
    const connection = new Connection(object, {
      client,
      world,
      network,
      identity: { credentials: this.credentials, expiresAt: null },
      heard: (from, frames) => this.#heard(from, frames),
      lost: (which) => this.#lost(which),
    });
    this.#connection = connection;
    this.#isLive = false;
    this.#asked = new Set();
    const delayMs = network.delayOf(client, object.number);
    world.schedule.after(delayMs ?? 1_000, () => {
      if (delayMs === null || !object.openSession(connection)) {
        this.#hint = null;
        return connection.break();
      }
      connection.send([{ kind: "hello", version: SESSION_VERSION }]);
    });
  }

  /** What was on it may have happened; it is repeated on the next. */
  #lost(connection: Connection): void {
    const { world } = this.#options;
    if (this.#connection !== connection) return;
    this.#connection = null;
    this.#isLive = false;
    for (const pending of this.#pending.values()) {
      pending.isUncertain ||= pending.isSent;
      pending.isSent = false;
    }
    this.#urge();
    world.mark("session line lost");
    world.schedule.after(this.#chance.between(1, 100), () => {
      if (this.#pending.size > 0) this.#connect();
    });
  }

  /** The others may sleep, and take a replica for their leader that is gone. */
  #urge(): void {
    const { world, network, objects, place } = this.#options;
    const object = this.#chance.pick(objects);
    const delayMs = network.delayOf(place, object.number);
    const term = this.#hintTerm;
    if (delayMs !== null) world.schedule.after(delayMs, () => object.urge(term));
  }

  #sendUnsent(): void {
    const { schedule } = this.#options.world;
    if (!this.#isLive) return;
    const frames: ReceiverFrame[] = [];
    for (const [request, pending] of this.#pending) {
      const timeoutMs = Math.ceil(pending.until - schedule.now);
      if (pending.isSent || timeoutMs <= 0) continue;
      if (pending.isUncertain) this.#options.world.mark("session repeats");
      pending.isSent = true;
      this.#asked.add(request);
      frames.push({ kind: "request", request, call: { ...pending.call, timeoutMs }, bytes: 64 });
    }
    if (frames.length > 0) this.#connection?.send(frames);
  }

  #heard(connection: Connection, frames: readonly ReplicaFrame[]): void {
    if (connection !== this.#connection) return;
    let isOver = false;
    let weight = 0;
    for (const frame of frames) {
      if (frame.kind === "welcome") {
        this.#isLive = true;
        this.#hintTerm = Math.max(this.#hintTerm, frame.term);
      } else if (frame.kind === "answer") {
        const wasAsked = this.#asked.delete(frame.request);
        must(wasAsked, () => `session ${connection.session} answers ${frame.request} unasked`);
        weight += answerWeight(frame.body);
        isOver = this.#answered(frame.request, decodeSessionAnswer(frame.body)) || isOver;
      }
    }
    if (weight > 0) this.#take(connection, weight);
    if (isOver) connection.break();
    else this.#sendUnsent();
  }

  #take(connection: Connection, bytes: number): void {
    const delayMs = this.#chance.pick([0, 0, 20, 300]);
    this.#options.world.schedule.after(delayMs, () => connection.send([{ kind: "taken", bytes }]));
  }

  /** Whether the connection is of no more use. */
  #answered(number: number, answer: SessionAnswer): boolean {
    const pending = this.#pending.get(number);
    // Its caller has given up.
    if (pending === undefined) return false;
    switch (answer.kind) {
      case "answered":
        this.#options.world.mark("session answer");
        this.#end(number, {
          kind: "answered",
          answer: answer.result,
          revision: answer.header.revision,
        });
        return false;
      case "refused":
        this.#refused(number, pending, answer);
        return false;
      case "redirect":
        pending.isSent = false;
        this.#follow(answer);
        return true;
      case "overwritten":
        this.#options.world.mark("session overwritten");
        pending.isSent = false;
        return false;
      case "timeout":
      case "unsupported":
        this.#end(number, { kind: "unknown" });
        return false;
      default:
        return answer satisfies never;
    }
  }

  #follow({ leader, term }: Extract<SessionAnswer, { kind: "redirect" }>): void {
    this.#options.world.mark("session redirected");
    if (term >= this.#hintTerm) {
      this.#hintTerm = term;
      this.#hint = leader;
    }
    if (leader === null) this.#urge();
  }

  #refused(
    number: number,
    pending: Pending,
    { refusal, header }: Extract<SessionAnswer, { kind: "refused" }>,
  ): void {
    if (refusal === "tooManyRequests") {
      this.#options.world.schedule.after(this.#chance.between(1, 60), () => {
        pending.isSent = false;
        this.#sendUnsent();
      });
      return;
    }
    const isUnknown = refusal === null || (pending.isUncertain && TURNED_AWAY.includes(refusal));
    this.#end(
      number,
      isUnknown ? { kind: "unknown" } : { kind: "refused", refusal, revision: header.revision },
    );
  }
}
