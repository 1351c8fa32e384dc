// Owns the sessions of one watch stream. A session holds a bounded number of watches, because their
// specifications must fit the replica's memory of the socket: the next ones open another session.

import type { Revision } from "../base/types.ts";
import type { WatchSpec } from "../base/watch.ts";
import type { Header } from "../api/replica.ts";
import { hasRoom, specSize } from "../api/session-room.ts";
import type { SessionClient } from "./session-client.ts";

export interface PooledSession {
  readonly client: SessionClient;
  /** Bytes that the specifications of its watches take, about. */
  specBytes: number;
  watches: number;
}

/** Sessions of one stream: 1,500 watches, which is more than a client had better put on one. */
const SESSIONS_PER_STREAM_MAX = 10;

export class SessionPool {
  readonly #open: (session: () => PooledSession) => SessionClient;
  readonly #sessions: PooledSession[] = [];
  /** Sessions whose report is awaited for the client's progress request; null when none is. */
  #awaited: Set<PooledSession> | null = null;
  #progress: Revision | null = null;

  /** `open` is given a way to name the session it opens, for its deliveries. */
  constructor(open: (session: () => PooledSession) => SessionClient) {
    this.#open = open;
  }

  get isEmpty(): boolean {
    return this.#sessions.length === 0;
  }

  /** The header for answers that no watch gives; null before the first welcome. */
  get header(): Header | null {
    return this.#sessions[0]?.client.header ?? null;
  }

  /**
   * A welcomed session that can take one more watch, which is counted from now on; null when the
   * stream is full.
   *
   * @throws what opening the session throws.
   */
  async withRoomFor(spec: WatchSpec): Promise<PooledSession | null> {
    const size = specSize(spec);
    const session = this.#sessions.find((one) => hasRoom(one, size)) ?? this.#add();
    if (session === null) return null;
    session.specBytes += size;
    session.watches++;
    await session.client.welcomed;
    return session;
  }

  /** A watch of the session is over. Its bytes stay counted, which only opens a session earlier. */
  release(session: PooledSession): void {
    session.watches--;
    if (session.watches === 0) session.specBytes = 0;
  }

  /** Asks all sessions that have watches; a request before that was not answered is forgotten. */
  requestProgress(): void {
    const asked = this.#sessions.filter(({ watches }) => watches > 0);
    this.#awaited = asked.length === 0 ? null : new Set(asked);
    this.#progress = null;
    for (const { client } of asked) client.requestProgress();
  }

  /**
   * A session reported progress. Gives the revision up to which all have, once the last of those
   * asked has reported; null before, and for reports that nobody asked for.
   */
  heardProgress(session: PooledSession, revision: Revision): Revision | null {
    if (this.#awaited?.delete(session) !== true) return null;
    if (this.#progress === null || revision < this.#progress) this.#progress = revision;
    if (this.#awaited.size > 0) return null;
    this.#awaited = null;
    return this.#progress;
  }

  close(): void {
    for (const { client } of this.#sessions) client.close();
  }

  #add(): PooledSession | null {
    if (this.#sessions.length >= SESSIONS_PER_STREAM_MAX) return null;
    const session: PooledSession = {
      client: this.#open(() => session),
      specBytes: 0,
      watches: 0,
    };
    this.#sessions.push(session);
    return session;
  }
}
