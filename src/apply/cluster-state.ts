// Owns the part of the replicated state that is about the cluster itself, in the row of `meta`: who
// its members are, and which version its entries mean. It changes with the batch that says so.

import { assert, present } from "../base/assert.ts";
import { decodeMembership, encodeMembership } from "../base/membership-codec.ts";
import type { Membership } from "../base/membership.ts";
import type { SqlPort } from "../base/ports.ts";
import type { Bytes } from "../base/types.ts";

export class ClusterState {
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
    const [found] = sql.all<{ membership: Bytes | null; version: number; cap: number | null }>(
      "SELECT membership, cluster_version AS version, version_cap AS cap FROM meta WHERE id = 0",
    );
    const row = present(found, "meta has its row");
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
    this.#sql.run("UPDATE meta SET membership = ? WHERE id = 0", encodeMembership(membership));
  }

  setVersion(version: number, cap: number | null): void {
    this.#version = version;
    this.#versionCap = cap;
    this.#sql.run(
      "UPDATE meta SET cluster_version = ?, version_cap = ? WHERE id = 0",
      version,
      cap,
    );
  }
}
