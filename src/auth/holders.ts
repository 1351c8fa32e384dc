// Owns what each user may do, in the form in which it is checked: made of the user's roles when first
// asked for, and kept until users or roles change.

import { intervalOf, type Interval } from "../base/interval.ts";
import { PERMISSIONS_KEPT_MAX } from "../base/auth-limits.ts";
import type { SqlPort } from "../base/ports.ts";
import { ROOT_ROLE } from "./administration.ts";
import { readRole, readUser, type User } from "./auth-tables.ts";
import { unite } from "./interval-union.ts";
import type { Right } from "./need.ts";

export interface Holder {
  readonly roles: readonly string[];
  readonly isRoot: boolean;
  /** See `User.tokensSince`. */
  readonly tokensSince: number;
  /** The keys to which the user has each right: a union, see `interval-union.ts`. */
  readonly rights: Readonly<Record<Right, readonly Interval[]>>;
}

export class Holders {
  readonly #sql: SqlPort;
  readonly #kept = new Map<string, Holder>();

  constructor(sql: SqlPort) {
    this.#sql = sql;
  }

  /** Null when there is no such user. */
  of(name: string): Holder | null {
    const kept = this.#kept.get(name);
    if (kept !== undefined) return kept;
    const user = readUser(this.#sql, name);
    if (user === null) return null;
    const holder = this.#make(user);
    if (this.#kept.size >= PERMISSIONS_KEPT_MAX) this.#kept.clear();
    this.#kept.set(name, holder);
    return holder;
  }

  /** Users or roles have changed. */
  forget(): void {
    this.#kept.clear();
  }

  #make({ roles, tokensSince }: User): Holder {
    const permissions = roles.flatMap((role) => readRole(this.#sql, role)?.permissions ?? []);
    const allowedTo = (right: Right): readonly Interval[] =>
      unite(
        permissions
          .filter(({ type }) => type === right || type === "readwrite")
          .map(({ key, rangeEnd }) => intervalOf(key, rangeEnd)),
      );
    const rights = { read: allowedTo("read"), write: allowedTo("write") };
    return { roles, isRoot: roles.includes(ROOT_ROLE), tokensSince, rights };
  }
}
