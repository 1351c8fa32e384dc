// Owns one mutation under way: the revision it makes, and the events so far. It becomes a revision
// of the store only if it changed a key (etcd server/storage/mvcc/kvstore_txn.go, storeTxnWrite).

import type { KeyEvent } from "../base/kv.ts";
import type { SqlPort } from "../base/ports.ts";
import { nextRevision, type Revision } from "../base/types.ts";
import type { LeaseKeys } from "./lease-keys.ts";
import type { ReplacedVersions } from "./replaced.ts";

/** What a mutation reads and writes. */
export interface MutationParts {
  readonly sql: SqlPort;
  readonly leaseKeys: LeaseKeys;
  readonly replaced: ReplacedVersions;
}

export class Mutation {
  readonly sql: SqlPort;
  readonly leaseKeys: LeaseKeys;
  readonly replaced: ReplacedVersions;
  /** The store's revision before. */
  readonly begin: Revision;
  /** The revision of every change made here. */
  readonly revision: Revision;
  readonly #events: KeyEvent[] = [];

  constructor(parts: MutationParts, begin: Revision) {
    this.sql = parts.sql;
    this.leaseKeys = parts.leaseKeys;
    this.replaced = parts.replaced;
    this.begin = begin;
    this.revision = nextRevision(begin);
  }

  /** In the order of the operations. */
  get events(): readonly KeyEvent[] {
    return this.#events;
  }

  /** The latest revision as seen from inside: `begin` until the first change. */
  get latest(): Revision {
    return this.#events.length === 0 ? this.begin : this.revision;
  }

  record(event: KeyEvent): void {
    this.#events.push(event);
  }
}
