// Owns the limits of the cluster as entries have set them, in the row of `meta`.

import { equalBytes } from "../base/bytes.ts";
import { seal, unseal } from "../base/checksum.ts";
import { DEFAULT_LIMITS, type ClusterLimits } from "../base/cluster-limits.ts";
import { Reader, Writer } from "../base/codec.ts";
import { present } from "../base/assert.ts";
import { readLimits, writeLimits } from "../base/limits-codec.ts";
import type { SqlPort } from "../base/ports.ts";
import type { Bytes } from "../base/types.ts";
import type { Unversioned } from "../base/unversioned.ts";

export class StoredLimits {
  readonly #sql: SqlPort;
  #current: ClusterLimits;

  /** @throws CodecError when the row is damaged: the replica does not start. */
  constructor(sql: SqlPort) {
    this.#sql = sql;
    const stored = readColumn(sql);
    this.#current = stored === null ? DEFAULT_LIMITS : decode(stored);
  }

  get current(): ClusterLimits {
    return this.#current;
  }

  /** The usual limits leave nothing behind that older code would have to heed. */
  set(limits: ClusterLimits): void {
    this.#current = limits;
    const body = encode(limits);
    writeColumn(this.#sql, equalBytes(body, USUAL) ? null : body);
  }
}

const encode = (limits: ClusterLimits): Bytes => seal(writeLimits(new Writer(), limits).finish());

const USUAL = encode(DEFAULT_LIMITS);

/** The limits as a snapshot copies them: null while they are the usual ones. */
export const LIMITS: Unversioned = {
  name: "limits",
  since: 3,
  copy: readColumn,
  restore: writeColumn,
};

function decode(stored: Bytes): ClusterLimits {
  const reader = new Reader(unseal(stored));
  const limits = readLimits(reader);
  reader.end();
  return limits;
}

function readColumn(sql: SqlPort): Bytes | null {
  const [row] = sql.all<{ limits: Bytes | null }>("SELECT limits FROM meta WHERE id = 0");
  return present(row, "meta has its row").limits;
}

function writeColumn(sql: SqlPort, limits: Bytes | null): void {
  sql.run("UPDATE meta SET limits = ? WHERE id = 0", limits);
}
