// Owns a state machine of entries with idempotency keys: what a replica applies, without the replica.

import { AuthState } from "../../src/auth/auth-state.ts";
import { Applier, type AppliedEntry, type CommittedEntry } from "../../src/apply/applier.ts";
import { ClusterState } from "../../src/apply/cluster-state.ts";
import { encodeProposal, NO_REQUEST, type Command } from "../../src/apply/command.ts";
import { keyedOf } from "../../src/apply/keyed.ts";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import type { Membership } from "../../src/base/membership.ts";
import {
  asClusterTime,
  asLeaseId,
  asLogIndex,
  asMilliseconds,
  asTerm,
  NO_LEASE,
  type Bytes,
  type LeaseId,
} from "../../src/base/types.ts";
import { CODE_VERSION } from "../../src/base/versions.ts";
import { LeaseTable } from "../../src/lease/lease-table.ts";
import { Store } from "../../src/mvcc/store.ts";
import { SnapshotSource } from "../../src/mvcc/snapshot-source.ts";
import { FIRST_CURSOR } from "../../src/mvcc/snapshot-part.ts";
import { stagePart } from "../../src/mvcc/snapshot-sink.ts";
import { installSnapshot, UNVERSIONED, unversionedBytes } from "../../src/replica/applied-state.ts";
import { insertMeta, openNodeSql, type NodeSql } from "../support/node-sql.ts";

export const put = (name: string, value: string, lease: LeaseId = NO_LEASE): Command => ({
  kind: "put",
  request: {
    key: encodeUtf8(name),
    value: encodeUtf8(value),
    lease,
    prevKv: true,
    ignoreValue: false,
    ignoreLease: false,
  },
});

export const grant = (id: bigint, ttlSeconds = 60): Command => ({
  kind: "leaseGrant",
  id: asLeaseId(id),
  ttlSeconds,
});

export const revoke = (id: bigint): Command => ({ kind: "leaseRevoke", id: asLeaseId(id) });

/** A write as a client asks for it. */
export interface Asked {
  readonly command: Command;
  readonly key?: string;
  readonly user?: string;
  /** Of its entry; absent: as the one before. */
  readonly time?: number;
  /** Absent: one that no other has. */
  readonly request?: number;
}

const AT_BIRTH: Membership = {
  configuration: { voters: [], outgoing: [], learners: [] },
  members: [],
  removed: [],
  index: asLogIndex(0),
};

/** Entries in the order of a log. */
export class Log {
  readonly entries: CommittedEntry[] = [];
  #time = 1;

  constructor(version = CODE_VERSION) {
    this.add({ command: { kind: "version", version, cap: null } });
  }

  add({
    command,
    key,
    user,
    time = this.#time,
    request = 1e6 + this.entries.length,
  }: Asked): CommittedEntry {
    this.#time = time;
    const index = asLogIndex(this.entries.length + 1);
    const payload = encodeProposal({
      command,
      time: asClusterTime(time),
      requestId: command.kind === "version" ? NO_REQUEST : requestIdOf(request),
      trace: "",
      requester: user === undefined ? null : { name: user, authRevision: 1e9, follows: false },
      keyed: keyedOf(command, key),
    });
    const entry = { index, term: asTerm(1), ...payload };
    this.entries.push(entry);
    return entry;
  }
}

function requestIdOf(request: number): Bytes {
  const id = new Uint8Array(16);
  new DataView(id.buffer).setUint32(12, request);
  return id;
}

/** Applies a log, in whatever batches. */
export class KeyedMachine {
  sql: NodeSql;
  applier: Applier;
  store!: Store;

  constructor(sql = openNodeSql()) {
    this.sql = sql;
    insertMeta(sql);
    this.applier = this.#start();
  }

  restart(): void {
    this.applier = this.#start();
  }

  apply(...entries: CommittedEntry[]): readonly AppliedEntry[] {
    return this.applier.apply(entries, asMilliseconds(0)).entries;
  }

  /** Another machine that has this one's state by snapshot. */
  copy(): KeyedMachine {
    const source = new SnapshotSource({
      sql: this.sql,
      store: this.store,
      unversioned: UNVERSIONED,
    });
    const copy = new KeyedMachine();
    let cursor: Bytes | null = FIRST_CURSOR;
    for (let part = 0; cursor !== null; part++) {
      const { data } = source.part(cursor);
      cursor = stagePart(copy.sql, { snapshot: "it", part, data }).cursor;
    }
    source.release();
    const { appliedIndex: index } = this.store;
    installSnapshot(copy.sql, { index, term: asTerm(1), now: asMilliseconds(0) });
    copy.restart();
    return copy;
  }

  /** All that is replicated of what has no versions: equal on all replicas. */
  unversioned(): Bytes {
    return unversionedBytes(this.sql, new LeaseTable(this.sql));
  }

  #start(): Applier {
    const { sql } = this;
    this.store = new Store(sql);
    const cluster = new ClusterState(sql, AT_BIRTH, CODE_VERSION);
    const parts = { store: this.store, leases: new LeaseTable(sql), cluster };
    const auth = new AuthState(sql);
    return new Applier({ sql, ...parts, auth, versionNeeded: () => 1, codeVersion: CODE_VERSION });
  }
}
