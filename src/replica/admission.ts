// Owns who is let in while auth is on: whose the credentials of a request are, whether that user may do
// what it is for, and simple tokens that were used and must hold on.
//
// A token holds for 300 s after its last use. The log says up to 60 s more, and once it says less than
// 30 s more, a use has an entry extend it, one for all such uses of a moment. Only a leader can do that:
// another replica serves by a token while the log says that it holds for 300 s from now.

import type { AuthCommand } from "../auth/auth-command.ts";
import type { AuthState } from "../auth/auth-state.ts";
import type { Need } from "../auth/need.ts";
import { refusalOf, type Requester } from "../auth/permission.ts";
import type { ReplicaCall } from "../api/replica.ts";
import type { Credentials } from "../base/auth.ts";
import { TOKEN_GATHER_MS, TOKEN_SLACK_MS, TOKEN_TTL_MS, TOKENS_MAX } from "../base/auth-limits.ts";
import type { Refusal } from "../base/refusal.ts";
import type { ClusterId, ClusterTime } from "../base/types.ts";
import type { Store } from "../mvcc/store.ts";
import { needOf } from "./needs.ts";

/** An extension that has not been applied after so long is asked for again; ms. */
const RETRY_MS = 5_000;

export class Admission {
  readonly #auth: AuthState;
  readonly #store: Store;
  readonly #clusterId: ClusterId;
  /** Tokens that are to be extended, or are on their way to it, and since when. */
  readonly #extending = new Map<string, ClusterTime>();
  #gathered: string[] = [];
  #extendAt: number | null = null;

  constructor(auth: AuthState, store: Store, clusterId: ClusterId) {
    this.#clusterId = clusterId;
    this.#auth = auth;
    this.#store = store;
  }

  /** Why the call is refused by what is applied here; null: it is let in. */
  refusalOf({ request, credentials }: ReplicaCall, time: ClusterTime): Refusal | null {
    return this.#auth.enabled ? this.refusalOfNeed(needOf(request), credentials, time) : null;
  }

  /** The same of what is no call. */
  refusalOfNeed(
    need: Need,
    credentials: Credentials | undefined,
    time: ClusterTime,
  ): Refusal | null {
    if (!this.#auth.enabled || need.kind === "nothing") return null;
    const requester = this.requester(credentials, time);
    const isShown = credentials !== undefined && credentials.kind !== "none";
    if (requester === null && isShown) return "invalidAuthToken";
    const keysOfLease = this.#store.keysOfLease.bind(this.#store);
    return refusalOf(this.#auth, need, { requester, keysOfLease });
  }

  /** Whose the credentials are; null for nobody's, and while auth is off. */
  requester(credentials: Credentials | undefined, time: ClusterTime): Requester | null {
    if (!this.#auth.enabled || credentials === undefined) return null;
    switch (credentials.kind) {
      case "none":
        return null;
      case "user": {
        const { name, authRevision, clusterId = this.#clusterId } = credentials;
        // There may have been another cluster of this name, and other users of theirs.
        if (clusterId !== this.#clusterId) return null;
        return { name, authRevision, follows: false };
      }
      case "token": {
        const token = this.#auth.token(credentials.token);
        if (token === null || token.deadline <= time) return null;
        return { name: token.user, authRevision: this.#auth.revision, follows: true };
      }
      default:
        return credentials satisfies never;
    }
  }

  /** Whether only a leader can serve by these credentials: a use has to extend the token. */
  needsLeader(credentials: Credentials | undefined, time: ClusterTime): boolean {
    const left = this.#left(credentials, time);
    return left !== null && left < TOKEN_TTL_MS;
  }

  /** The leader serves by these credentials: a token holds from now on. */
  used(credentials: Credentials | undefined, time: ClusterTime): void {
    const left = this.#left(credentials, time);
    if (left === null || left >= TOKEN_TTL_MS + TOKEN_SLACK_MS / 2) return;
    const { token } = credentials as Extract<Credentials, { kind: "token" }>;
    const isUnderWay = time - (this.#extending.get(token) ?? -Infinity) < RETRY_MS;
    if (isUnderWay || this.#gathered.length >= TOKENS_MAX) return;
    this.#extending.set(token, time);
    this.#gathered.push(token);
    this.#extendAt ??= time + TOKEN_GATHER_MS;
  }

  /** The command that extends the tokens that were used, once it is due. */
  due(time: ClusterTime): AuthCommand | null {
    if (this.#extendAt === null || time < this.#extendAt) return null;
    const tokens = this.#gathered;
    this.#gathered = [];
    this.#extendAt = null;
    for (const [token, at] of this.#extending) {
      if (time - at >= RETRY_MS) this.#extending.delete(token);
    }
    return { op: "extendTokens", tokens };
  }

  /** When `due` has something, in cluster time; null when nothing is to come. */
  get nextDue(): number | null {
    return this.#extendAt;
  }

  /** This replica leads no more: whoever does sees the next uses. */
  resign(): void {
    this.#extending.clear();
    this.#gathered = [];
    this.#extendAt = null;
  }

  /**
   * How long the token holds yet, by the log; null for what is no token, or none any more, and while
   * auth is off.
   */
  #left(credentials: Credentials | undefined, time: ClusterTime): number | null {
    if (!this.#auth.enabled || credentials?.kind !== "token") return null;
    const deadline = this.#auth.token(credentials.token)?.deadline ?? null;
    return deadline === null || deadline <= time ? null : deadline - time;
  }
}
