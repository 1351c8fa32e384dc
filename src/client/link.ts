// Owns the sessions of a client: one to the leader, which carries every request and the first watches,
// and others for what watches there are beyond that. Each is opened when it is first needed.
//
// The others are with any replica, the nearest first. A watch hears the same of all of them, and the
// leader, who has the writes of the whole cluster to do, is spared. What differs is "from now on", for
// a follower's present is a moment behind: so the leader is asked for the revision.

import type { Header } from "../api/replica.ts";
import type { SessionRequest, SessionResult } from "../api/session-call.ts";
import { ATTACHMENT_BYTES_MAX, SESSION_WATCHES_MAX } from "../base/limits.ts";
import type { WatchSpec } from "../base/watch.ts";
import { EMPTY } from "../base/bytes.ts";
import { unavailable, type EdgekeeperError } from "./error.ts";
import { KeySpace } from "./keys.ts";
import { rangeRequest } from "./operations.ts";
import { WEB_PLATFORM } from "./platform.ts";
import { insist } from "./retry.ts";
import {
  Session,
  type AskOptions,
  type Deliver,
  type SessionOptions,
  type WatchEnded,
} from "./session.ts";

/** What a watch takes of its socket's room: `storedSize` in `watch/watcher.ts`. */
const sizeOf = ({ key, rangeEnd }: WatchSpec): number => key.length + rangeEnd.length + 40;

const EVERYWHERE = new KeySpace(EMPTY);

interface Berth {
  readonly session: Session;
  watches: number;
  bytes: number;
}

/** What a request of a kind is answered with. */
type ResultOf<Kind extends SessionRequest["kind"]> = Extract<
  SessionResult,
  { kind: Kind extends "memberList" ? "members" : Kind }
>;

/** The answer to a request of a kind; there is none to some. */
export interface AnswerTo<Kind extends SessionRequest["kind"]> {
  readonly answer: ResultOf<Kind> extends { readonly answer: infer Answer } ? Answer : undefined;
  readonly header: Header;
  /** Of the store, with the answer. */
  readonly revision: number;
}

/** Who asks the cluster. */
export interface Link {
  /** @throws EdgekeeperError; the reason of the signal. */
  ask<Kind extends SessionRequest["kind"]>(
    request: Extract<SessionRequest, { kind: Kind }>,
    options?: AskOptions,
  ): Promise<AnswerTo<Kind>>;
}

export class Sessions implements Link {
  readonly #options: SessionOptions;
  #main: Berth | null = null;
  #others: Berth[] = [];
  readonly #over = new AbortController();

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  async ask<Kind extends SessionRequest["kind"]>(
    request: Extract<SessionRequest, { kind: Kind }>,
    options?: AskOptions,
  ): Promise<AnswerTo<Kind>> {
    const { header, result } = await this.#toLeader().session.ask(request, options);
    // An answer is of its request's kind.
    const { answer } = result as { readonly answer?: unknown };
    return { answer, header, revision: header.revision } as AnswerTo<Kind>;
  }

  /** Begins a watch, and returns what ends it. `ended` is told of what nobody has asked for. */
  watch(spec: WatchSpec, deliver: Deliver, ended: WatchEnded): () => void {
    const size = sizeOf(spec);
    const berth = this.#berthFor(size);
    berth.watches++;
    berth.bytes += size;
    let isOver = false;
    const release = (): void => {
      if (isOver) return;
      isOver = true;
      berth.watches--;
      berth.bytes -= size;
    };
    const fail: WatchEnded = (error) => {
      release();
      ended(error);
    };
    const told: Deliver = (delivery, header) => {
      if (delivery.kind === "canceled") release();
      return deliver(delivery, header);
    };
    let cancel = (): void => undefined;
    const begin = (startRevision: number): void => {
      if (!isOver) cancel = berth.session.watch({ ...spec, startRevision }, told, fail);
    };
    if (berth === this.#main || spec.startRevision !== 0) begin(spec.startRevision);
    else void this.#present(spec).then((revision) => begin(revision + 1), fail);
    return () => {
      release();
      cancel();
    };
  }

  /** Ends all, for ever. */
  close(): void {
    this.#over.abort(closed());
    for (const { session } of [this.#main, ...this.#others].filter((each) => each !== null)) {
      session.close();
    }
  }

  /** The revision that the leader is at. Only closing ends the asking. */
  async #present({ key, rangeEnd: to }: WatchSpec): Promise<number> {
    const keys = to.length === 0 ? { key } : { from: key, to };
    const request = rangeRequest(EVERYWHERE, keys, { countOnly: true });
    const ask = () => this.ask({ kind: "range", request, serializable: false });
    const platform = this.#options.platform ?? WEB_PLATFORM;
    return (await insist(platform, this.#over.signal, ask)).revision;
  }

  #toLeader(): Berth {
    this.#over.signal.throwIfAborted();
    if (this.#main === null || this.#main.session.isOver) {
      this.#main = { session: new Session(this.#options), watches: 0, bytes: 0 };
    }
    return this.#main;
  }

  #berthFor(size: number): Berth {
    const main = this.#toLeader();
    this.#others = this.#others.filter(({ session }) => !session.isOver);
    const free = [main, ...this.#others].find((berth) => hasRoom(berth, size));
    if (free !== undefined) return free;
    const session = new Session({ ...this.#options, any: true });
    const other = { session, watches: 0, bytes: 0 };
    this.#others.push(other);
    return other;
  }
}

const hasRoom = ({ watches, bytes }: Berth, size: number): boolean =>
  watches < SESSION_WATCHES_MAX && (watches === 0 || bytes + size <= ATTACHMENT_BYTES_MAX);

const closed = (): EdgekeeperError => unavailable("edgekeeper: the client is closed");
