// Owns one replica's applied state in a test: store, leases and applier over a database, what can be
// told of it from outside, and random entries for it.

import * as fc from "fast-check";

import { Applier, type CommittedEntry } from "../../src/apply/applier.ts";
import { AuthState } from "../../src/auth/auth-state.ts";
import { ClusterState } from "../../src/apply/cluster-state.ts";
import { encodeProposal, REPLACED_SINCE, type Command } from "../../src/apply/command.ts";
import { bytesKey, decodeUtf8 } from "../../src/base/bytes.ts";
import { REQUEST_WINDOW_MS } from "../../src/base/limits.ts";
import type { Membership } from "../../src/base/membership.ts";
import type { SqlPort } from "../../src/base/ports.ts";
import { CODE_VERSION } from "../../src/base/versions.ts";
import {
  asClusterTime,
  asLeaseId,
  asLogIndex,
  asMilliseconds,
  asRevision,
  asTerm,
  type Bytes,
} from "../../src/base/types.ts";
import { LeaseTable } from "../../src/lease/lease-table.ts";
import { hashKv } from "../../src/mvcc/hash-kv.ts";
import { Store } from "../../src/mvcc/store.ts";
import { UNVERSIONED, versionNeeded } from "../../src/replica/applied-state.ts";
import { deleteRequest, LEASES, putRequest, txnRequest } from "../mvcc/arbitrary.ts";
import { range, show, showChanges, valueOf } from "../mvcc/fixture.ts";
import { insertMeta, openNodeSql, type NodeSql } from "../support/node-sql.ts";

const leaseId = fc.constantFrom(...LEASES.filter((id) => id !== 0n));

const repeated = <T>(times: number, arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T>[] =>
  Array.from({ length: times }, () => arbitrary);

/** Commands as a leader may propose them, most of them writes that meet. */
const command: fc.Arbitrary<Command> = fc.oneof(
  ...repeated<Command>(8, fc.record({ kind: fc.constant("put"), request: putRequest })),
  ...repeated<Command>(3, fc.record({ kind: fc.constant("deleteRange"), request: deleteRequest })),
  ...repeated<Command>(
    3,
    fc.record({ kind: fc.constant("txn"), request: txnRequest(1, { withEmpty: false }) }),
  ),
  ...repeated<Command>(
    2,
    fc.record({ kind: fc.constant("compact"), revision: fc.integer({ min: 0, max: 45 }) }),
  ),
  ...repeated<Command>(
    3,
    fc.record({ kind: fc.constant("leaseGrant"), id: leaseId, ttlSeconds: fc.constant(5) }),
  ),
  fc.record({ kind: fc.constant("leaseRevoke"), id: leaseId }),
  fc.record({ kind: fc.constant("leaseExtend"), ids: fc.tuple(leaseId) }),
);

/** A command, how long after the one before, and under which request id. */
export interface Step {
  readonly command: Command;
  readonly afterMs: number;
  /** Ids are few, so that requests repeat, within the window and after it. */
  readonly request: number;
}

export const step: fc.Arbitrary<Step> = fc.record({
  command,
  afterMs: fc.constantFrom(0, 1, 1, 1_000, REQUEST_WINDOW_MS / 2, REQUEST_WINDOW_MS),
  request: fc.nat({ max: 40 }),
});

/** A put of a short key and value, under a request id of its own. */
export const putOf = (name: string, value: string, request: number): Step => ({
  command: { kind: "put", request: put(name, value) },
  afterMs: 1,
  request,
});

const put = (name: string, value: string) => ({
  key: new TextEncoder().encode(name),
  value: new TextEncoder().encode(value),
  lease: LEASES[0]!,
  prevKv: false,
  ignoreValue: false,
  ignoreLease: false,
});

function requestIdOf(request: number): Bytes {
  const id = new Uint8Array(16);
  // All zeros would be no request at all.
  new DataView(id.buffer).setUint32(12, request + 1);
  return id;
}

/** Whether what plain puts replace goes to the history, where it may; or as the cluster's version says. */
type Replaces = boolean | "by version";

/** The applied state of one replica. */
export class StateMachine {
  readonly sql: NodeSql;
  store: Store;
  leases: LeaseTable;
  #applier: Applier;
  readonly #replaces: Replaces;

  /** Over a database without a row in `meta`. */
  constructor(
    sql: NodeSql = openNodeSql(),
    { replaces = true }: { readonly replaces?: Replaces } = {},
  ) {
    this.sql = sql;
    this.#replaces = replaces;
    insertMeta(this.sql);
    [this.store, this.leases, this.#applier] = parts(this.sql, replaces);
  }

  /** Everything is made anew over the database, as when the object restarts. */
  restart(): void {
    [this.store, this.leases, this.#applier] = parts(this.sql, this.#replaces);
  }

  /** The entry that follows the last applied one. */
  entryOf({ command: proposed, afterMs, request }: Step): CommittedEntry {
    const payload = encodeProposal({
      command: proposed,
      requestId: requestIdOf(request),
      time: asClusterTime(this.#applier.time + afterMs),
      trace: "",
    });
    return { index: asLogIndex(this.store.appliedIndex + 1), term: asTerm(1), ...payload };
  }

  apply(...entries: readonly CommittedEntry[]): ReturnType<Applier["apply"]> {
    return this.#applier.apply(entries, asMilliseconds(1));
  }

  /** Applies a step, and returns its entry for another replica to apply. */
  run(next: Step): CommittedEntry {
    const entry = this.entryOf(next);
    this.apply(entry);
    return entry;
  }

  /** All that anyone can tell of the state. */
  facts(): Record<string, unknown> {
    const { store } = this;
    const from = Math.max(1, store.compacted);
    const revisions = Array.from({ length: store.revision - from + 1 }, (_, n) => from + n);
    const history = store.history.read(asRevision(from), 1e9).revisions;
    return {
      revision: store.revision,
      compacted: store.compacted,
      appliedIndex: store.appliedIndex,
      clusterTime: store.clusterTime,
      shown: revisions.map((revision) =>
        valueOf(store.range(range("\0", "\0", { revision }))).kvs.map(show),
      ),
      history: showChanges(history),
      replaced: history.flatMap(({ revision, events }) =>
        events.map(({ kv }) => show(store.history.previousVersion(kv.key, revision))),
      ),
      attached: LEASES.map((id) => store.keysOfLease(asLeaseId(id)).map(decodeUtf8)),
      hashes: revisions.map((revision) => valueOf(hashKv(this.sql, store, revision)).hash),
      remembered: this.#remembered(),
      leases: this.leases.all().toSorted((a, b) => (a.id < b.id ? -1 : 1)),
      unversioned: UNVERSIONED.slice(1).map(({ name, copy }) => [name, keyOf(copy(this.sql))]),
    };
  }

  /** Requests that may be repeated, and what their repeats would be told. */
  #remembered(): unknown[] {
    const { history, clusterTime } = this.store;
    const since = asClusterTime(Math.max(clusterTime - REQUEST_WINDOW_MS, 0));
    return [...history.requestsSince(since)].map(({ id, revision, time, place }) => {
      return [bytesKey(id), revision, time, keyOf(history.answerOf(place, id))];
    });
  }
}

const keyOf = (bytes: Bytes | null): string | null => (bytes === null ? null : bytesKey(bytes));

export const AT_BIRTH: Membership = {
  configuration: { voters: [], outgoing: [], learners: [] },
  members: [],
  removed: [],
  index: asLogIndex(0),
};

function parts(sql: SqlPort, replaces: Replaces): [Store, LeaseTable, Applier] {
  const cluster = new ClusterState(sql, AT_BIRTH, CODE_VERSION);
  const byVersion = (): boolean => cluster.version >= REPLACED_SINCE;
  const store = new Store(sql, replaces === "by version" ? byVersion : () => replaces);
  const leases = new LeaseTable(sql);
  const applied = { store, leases, cluster, auth: new AuthState(sql) };
  const versions = { versionNeeded: () => versionNeeded(sql), codeVersion: CODE_VERSION };
  return [store, leases, new Applier({ sql, ...applied, ...versions })];
}
