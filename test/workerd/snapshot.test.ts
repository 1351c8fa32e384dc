// Goal: what stages and installs a snapshot, and what trims a log, is allowed and means the same in
// workerd's SQLite: tables made like others, renamed and dropped in a transaction, `sqlite_master`
// read. Method: an object that was never born, whose database is sent a snapshot of itself.

import { runInDurableObject } from "cloudflare:test";
import { test } from "vitest";

import { encodeUtf8 } from "../../src/base/bytes.ts";
import {
  asClusterTime,
  asLogIndex,
  asMilliseconds,
  asTerm,
  NO_LEASE,
} from "../../src/base/types.ts";
import type { Bytes } from "../../src/base/types.ts";
import { hashKv } from "../../src/mvcc/hash-kv.ts";
import { FIRST_CURSOR } from "../../src/mvcc/snapshot-part.ts";
import { stagePart } from "../../src/mvcc/snapshot-sink.ts";
import { SnapshotSource } from "../../src/mvcc/snapshot-source.ts";
import { Store } from "../../src/mvcc/store.ts";
import { migrate } from "../../src/object/migrations.ts";
import { SqlStorage } from "../../src/object/sql-storage.ts";
import { SqlLog } from "../../src/raft/sql-log.ts";
import { installSnapshot, UNVERSIONED } from "../../src/replica/applied-state.ts";
import { replica } from "./cluster.ts";

const NO_LEASES = { has: () => false };

/** 40 batches of two changes, of large values, so that there are several parts. */
function fill(sql: SqlStorage): void {
  const store = new Store(sql);
  for (let batch = 1; batch <= 40; batch++) {
    for (const name of ["a", "b"]) {
      const request = {
        key: encodeUtf8(`${name}${batch % 7}`),
        value: new Uint8Array(30_000).fill(batch),
        lease: NO_LEASE,
        prevKv: false,
        ignoreValue: false,
        ignoreLease: false,
      };
      sql.transaction(() => {
        store.put(request, NO_LEASES);
        const time = asClusterTime(batch);
        const index = asLogIndex(store.appliedIndex + 1);
        store.commit({ index, time, wall: asMilliseconds(1), requests: [] });
      });
    }
  }
  store.compact(30);
}

const hashOf = (sql: SqlStorage): unknown => hashKv(sql, new Store(sql), 0);

test("an object's database installs a snapshot, and is what was sent", async ({ expect }) => {
  await runInDurableObject(replica("never-born", "wnam"), (_, { storage }) => {
    const sql = new SqlStorage(storage);
    migrate(sql);
    sql.run("INSERT INTO meta (id, birth_nonce) VALUES (0, 'x')");
    fill(sql);
    const before = hashOf(sql);
    const source = new SnapshotSource({ sql, store: new Store(sql), unversioned: UNVERSIONED });
    let wanted: { part: number; cursor: Bytes | null } = { part: 0, cursor: FIRST_CURSOR };
    while (wanted.cursor !== null) {
      const { data } = source.part(wanted.cursor);
      wanted = stagePart(sql, { snapshot: "one", part: wanted.part, data });
    }
    expect(wanted.part).toBeGreaterThan(3);
    const { index } = source.pin;
    installSnapshot(sql, { index, term: asTerm(3), now: asMilliseconds(5) });
    expect(hashOf(sql)).toEqual(before);
    const store = new Store(sql);
    expect([store.appliedIndex, store.revision, store.compacted]).toEqual([80, 81, 30]);
    expect(new SqlLog(sql).base()).toEqual({ index: 80, term: 3, author: null });
    const left = sql.all("SELECT name FROM sqlite_master WHERE name LIKE 'n%' ORDER BY name");
    expect(left.map(({ name }) => name)).toEqual(["now", "now_lease"]);
  });
});
