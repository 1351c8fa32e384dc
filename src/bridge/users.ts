// Owns whose sessions there are: a session is with the store for one user, and users are told apart by what
// they show. Few at once, and none for longer than it is used.

import { GATEWAY_ERRORS } from "../api/error.ts";
import { USERS_MAX, WATCH_SESSIONS_MAX } from "./bounds.ts";
import { UpstreamError, type CallContext } from "./upstream.ts";
import { UserSessions } from "./user-sessions.ts";
import type { Seats } from "./watch-seats.ts";

/** How often it is looked for what nobody uses. */
const SWEEP_MS = 5_000;

export interface UsersOptions {
  readonly url: string;
  /** The deployment's token, if it asks for one. */
  readonly token: string | null;
}

export class Users {
  readonly #options: UsersOptions;
  /** The one that asked longest ago stands first. */
  readonly #users = new Map<string, UserSessions>();
  readonly #sweep: NodeJS.Timeout;
  #watchSessions = 0;

  constructor(options: UsersOptions) {
    this.#options = options;
    this.#sweep = setInterval(() => this.#closeIdle(), SWEEP_MS);
    this.#sweep.unref();
  }

  /** @throws UpstreamError when there are too many. */
  of(context: CallContext): UserSessions {
    const user = this.#find(context);
    if (user !== null) return user;
    const { code, message } = GATEWAY_ERRORS.overloaded;
    throw new UpstreamError(code, message);
  }

  /**
   * Where a stream's watches find seats. A stream may have none for long, and a user without any is
   * forgotten: so who it is is looked up for each watch.
   */
  seatsOf(context: CallContext): Seats {
    return { seat: (spec, sitter) => this.#find(context)?.seats.seat(spec, sitter) ?? null };
  }

  close(): void {
    clearInterval(this.#sweep);
    for (const user of this.#users.values()) user.close();
    this.#users.clear();
  }

  /** Null when there are too many. */
  #find(context: CallContext): UserSessions | null {
    const name = JSON.stringify([context.token, context.authorization]);
    const known = this.#users.get(name);
    if (known === undefined && this.#users.size >= USERS_MAX && !this.#closeOldest()) return null;
    const user = known ?? this.#admit(context);
    this.#users.delete(name);
    this.#users.set(name, user);
    return user;
  }

  #admit({ token, authorization }: CallContext): UserSessions {
    const deployment = this.#options.token;
    const headers = {
      ...(deployment === null ? {} : { "Edgekeeper-Token": deployment }),
      ...(token === null ? {} : { "Grpc-Metadata-Token": token }),
      ...(authorization === null ? {} : { "Grpc-Metadata-Authorization": authorization }),
    };
    return new UserSessions({
      url: this.#options.url,
      headers,
      mayOpen: () => {
        if (this.#watchSessions >= WATCH_SESSIONS_MAX) return false;
        this.#watchSessions++;
        return true;
      },
      onClosed: () => void this.#watchSessions--,
    });
  }

  /** False when none is idle. */
  #closeOldest(): boolean {
    for (const [name, user] of this.#users) {
      if (!user.isIdle) continue;
      user.close();
      return this.#users.delete(name);
    }
    return false;
  }

  #closeIdle(): void {
    const now = Date.now();
    for (const [name, user] of this.#users) {
      user.closeIdle(now);
      if (user.isClosed) this.#users.delete(name);
    }
  }
}
