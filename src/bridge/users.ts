// Owns whose sessions there are: a session is with the store for one user, and users are told apart by what
// they show. Few at once, and none for longer than it is used.

import { GATEWAY_ERRORS } from "../api/error.ts";
import { USERS_MAX, WATCH_SESSIONS_MAX } from "./bounds.ts";
import { UpstreamError, type CallContext } from "./upstream.ts";
import { UserSessions } from "./user-sessions.ts";

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
    const name = JSON.stringify([context.token, context.authorization]);
    const user = this.#users.get(name) ?? this.#admit(context);
    this.#users.delete(name);
    this.#users.set(name, user);
    return user;
  }

  close(): void {
    clearInterval(this.#sweep);
    for (const user of this.#users.values()) user.close();
    this.#users.clear();
  }

  #admit({ token, authorization }: CallContext): UserSessions {
    if (this.#users.size >= USERS_MAX) this.#closeOldest();
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

  #closeOldest(): void {
    for (const [name, user] of this.#users) {
      if (!user.isIdle) continue;
      user.close();
      this.#users.delete(name);
      return;
    }
    const { code, message } = GATEWAY_ERRORS.overloaded;
    throw new UpstreamError(code, message);
  }

  #closeIdle(): void {
    const now = Date.now();
    for (const [name, user] of this.#users) {
      user.closeIdle(now);
      if (user.isClosed) this.#users.delete(name);
    }
  }
}
