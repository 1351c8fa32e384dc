// Goal: what is made over the database when an object starts reads little of it, however much there
// is. Method: a database of 100 MB on disk: many live keys and old versions, a full history table, a
// log of 40,000 lone writes and the last of them still to be remembered.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, test } from "vitest";

import { Applier } from "../../src/apply/applier.ts";
import { AuthState } from "../../src/auth/auth-state.ts";
import { ClusterState } from "../../src/apply/cluster-state.ts";
import { CODE_VERSION } from "../../src/base/versions.ts";
import { LeaseTable } from "../../src/lease/lease-table.ts";
import { Store } from "../../src/mvcc/store.ts";
import { SqlLog } from "../../src/raft/sql-log.ts";
import { openNodeSql, type NodeSql } from "../support/node-sql.ts";
import { AT_BIRTH } from "./state-machine.ts";
import { entriesOf } from "../raft/bench.ts";
import { putOf, StateMachine } from "./state-machine.ts";

const KEYS = 220_000;
const LONE_WRITES = 20_000;

/** Measured: 5 ms, most of it for the log; with every head of the log read, or the requests, over 30. */
const MS_MAX = 25;

const directory = mkdtempSync(join(tmpdir(), "edgekeeper-"));
afterAll(() => rmSync(directory, { recursive: true }));

function fill(sql: NodeSql): void {
  sql.transaction(() => {
    const machine = new StateMachine(sql);
    for (let n = 0; n < LONE_WRITES; n++) machine.run(putOf(`k${n % 100}`, "v", n));
    const rows = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ${KEYS})
      SELECT CAST('key/' || i AS BLOB), 2, 2, 1, NULL, zeroblob(400), 0 FROM n`;
    sql.run(
      `INSERT INTO now (key, create_revision, mod_revision, version, lease, value, sub) ${rows}`,
    );
    const log = new SqlLog(sql);
    for (const entry of entriesOf(Array.from({ length: 2 * LONE_WRITES }, () => 1))) {
      log.append([entry]);
    }
  });
}

test("a store, its leases, its applier and its log start within milliseconds", ({ expect }) => {
  const path = join(directory, "replica.db");
  const made = openNodeSql(path);
  fill(made);
  made.close();
  const sql = openNodeSql(path);
  const [size] = sql.all<{ pages: number }>("SELECT page_count AS pages FROM pragma_page_count");
  expect(size!.pages * 4_096).toBeGreaterThan(100_000_000);
  const times = Array.from({ length: 5 }, () => {
    const started = performance.now();
    const store = new Store(sql);
    const leases = new LeaseTable(sql);
    const cluster = new ClusterState(sql, AT_BIRTH, CODE_VERSION);
    const applied = { store, leases, cluster, auth: new AuthState(sql), versionNeeded: () => 1 };
    const applier = new Applier({ sql, ...applied, codeVersion: CODE_VERSION });
    const log = new SqlLog(sql);
    expect([applier.time, log.lastIndex()]).toEqual([store.clusterTime, 2 * LONE_WRITES]);
    return performance.now() - started;
  });
  sql.close();
  // The best of five: others share the machine.
  expect(Math.min(...times)).toBeLessThan(MS_MAX);
});
