// Owns the part of the replicated state that is about the cluster itself, in the row of `meta`: who
// its members are, which version its entries mean; alarms and limits stand in files beside. It changes
// with the batch that says so.

import { assert, present } from "../base/assert.ts";
import { Reader, Writer } from "../base/codec.ts";
import { decodeMembership, encodeMembership } from "../base/membership-codec.ts";
import type { Membership } from "../base/membership.ts";
import type { SqlPort } from "../base/ports.ts";
import type { Bytes } from "../base/types.ts";
import type { Unversioned } from "../base/unversioned.ts";
import { Alarms } from "./alarms.ts";
import { StoredLimits } from "./stored-limits.ts";

export class ClusterState {
  readonly alarms: Alarms;
  readonly limits: StoredLimits;
  readonly #sql: SqlPort;
  #membership: Membership;
  #version: number;
  #versionCap: number | null;

  /**
   * Reads where the cluster stands; `atBirth` is its membership while no entry has changed it.
   *
   * @throws InvariantError when the cluster has gone on to a version that this code does not know.
   */
  constructor(sql: SqlPort, atBirth: Membership, codeVersion: number) {
    this.#sql = sql;
    this.alarms = new Alarms(sql);
    this.limits = new StoredLimits(sql);
    const row = readRow(sql);
    this.#membership = row.membership === null ? atBirth : decodeMembership(row.membership);
    this.#version = row.version;
    this.#versionCap = row.cap;
    assert(this.#version <= codeVersion, `this code knows cluster version ${this.#version}`);
  }

  get membership(): Membership {
    return this.#membership;
  }

  /** What entries may mean: at most what every member's code understands. */
  get version(): number {
    return this.#version;
  }

  /** Up to where the version may be raised; null without a limit. */
  get versionCap(): number | null {
    return this.#versionCap;
  }

  setMembership(membership: Membership): void {
    this.#membership = membership;
    writeMembership(this.#sql, encodeMembership(membership));
  }

  /** A leader's raise may stand in the log behind a cap that it had not applied: it comes to nothing. */
  setVersion(version: number, cap: number | null): void {
    const isRaise = version > this.#version;
    if (isRaise && version > (this.#versionCap ?? version)) return;
    this.#version = version;
    this.#versionCap = cap;
    writeVersion(this.#sql, version, cap);
  }
}

/** The membership as a snapshot copies it: null while no entry has changed it. */
export const MEMBERSHIP: Unversioned = {
  name: "membership",

  copy(sql) {
    const { membership } = readRow(sql);
    const writer = new Writer().flag(membership !== null);
    return (membership === null ? writer : writer.bytes(membership)).finish();
  },

  restore(sql, body) {
    const reader = new Reader(present(body, "a snapshot has the membership"));
    const membership = reader.flag() ? reader.bytes() : null;
    reader.end();
    writeMembership(sql, membership);
  },
};

/** The version and its cap as a snapshot copies them. */
export const CLUSTER_VERSION: Unversioned = {
  name: "clusterVersion",

  copy(sql) {
    const { version, cap } = readRow(sql);
    return new Writer()
      .uint(version)
      .uint(cap ?? 0)
      .finish();
  },

  restore(sql, body) {
    const reader = new Reader(present(body, "a snapshot has the cluster version"));
    const version = reader.uint();
    const cap = reader.uint() || null;
    reader.end();
    writeVersion(sql, version, cap);
  },
};

interface Row {
  readonly membership: Bytes | null;
  readonly version: number;
  readonly cap: number | null;
}

function readRow(sql: SqlPort): Row {
  const [row] = sql.all<{ [Column in keyof Row]: Row[Column] }>(
    "SELECT membership, cluster_version AS version, version_cap AS cap FROM meta WHERE id = 0",
  );
  return present(row, "meta has its row");
}

const writeMembership = (sql: SqlPort, membership: Bytes | null): void =>
  sql.run("UPDATE meta SET membership = ? WHERE id = 0", membership);

const writeVersion = (sql: SqlPort, version: number, cap: number | null): void =>
  sql.run("UPDATE meta SET cluster_version = ?, version_cap = ? WHERE id = 0", version, cap);
