// Goal: nothing that entries change is forgotten by snapshots. Method: every table, and every column
// of `meta`, must be told here to be versioned, unversioned and listed, or the replica's own.

import { describe, test } from "vitest";

import { Alarms } from "../../src/apply/alarms.ts";
import { asMemberId } from "../../src/base/types.ts";
import { UNVERSIONED } from "../../src/replica/applied-state.ts";
import { openNodeSql } from "../support/node-sql.ts";

/** The name in the list, for what travels as an unversioned body; else how it travels, or why not. */
const TABLES: Readonly<Record<string, string>> = {
  now: "versioned",
  old: "versioned",
  segment: "names tables: made anew by the receiver",
  lease_page: "leases",
  auth: "auth",
  auth_user: "auth",
  auth_role: "auth",
  auth_token: "auth",
  meta: "column by column",
  alarm: "alarms",
  keyed: "keyedWrites",
  staging: "the replica's own",
};

const META: Readonly<Record<string, string>> = {
  id: "of no meaning",
  birth_nonce: "the replica's own",
  cluster_id: "the replica's own: its certificate",
  member_id: "the replica's own: its certificate",
  directory: "the replica's own: its certificate",
  configuration: "never used",
  term: "the replica's own: hard state",
  vote: "the replica's own: hard state",
  incarnation: "the replica's own",
  compacted: "store",
  swept: "how far this replica has come",
  isolated: "the replica's own",
  log_index: "the replica's own: its log",
  log_term: "the replica's own: its log",
  log_author: "the replica's own: its log",
  membership: "membership",
  cluster_version: "clusterVersion",
  version_cap: "clusterVersion",
  limits: "limits",
  removed: "the replica's own",
  compared: "how often this replica has looked",
};

test("an alarm that a person has raised is not a leader's, though one raises it as well", ({
  expect,
}) => {
  const sql = openNodeSql();
  const alarms = new Alarms(sql);
  const alarm = { member: asMemberId(7n), alarm: "noSpace" } as const;
  const raise = { ...alarm, raises: true };
  expect(alarms.change({ ...raise, automatic: false })).toEqual([alarm]);
  expect(alarms.change({ ...raise, automatic: true })).toEqual([alarm]);
  expect(alarms.automatic("noSpace")).toEqual([]);
  expect(alarms.change({ ...alarm, raises: false, automatic: true })).toEqual([]);
  expect(new Alarms(sql).active).toEqual([alarm]);
  expect(alarms.change({ ...alarm, raises: false, automatic: false })).toEqual([alarm]);
});

describe("the database", () => {
  const sql = openNodeSql();

  test("has no table and no column of meta of which it is not told how it travels", ({
    expect,
  }) => {
    const tables = sql.all("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name");
    expect(tables.map(({ name }) => name)).toEqual(Object.keys(TABLES).toSorted());
    const columns = sql.all<{ name: string }>("SELECT name FROM pragma_table_info('meta')");
    expect(columns.map(({ name }) => name).toSorted()).toEqual(Object.keys(META).toSorted());
  });

  test("has every unversioned item where it is said to be", ({ expect }) => {
    const told = [...Object.values(TABLES), ...Object.values(META)];
    expect(told).toEqual(expect.arrayContaining(UNVERSIONED.map(({ name }) => name)));
    const ours = [
      "leases",
      "membership",
      "clusterVersion",
      "auth",
      "alarms",
      "limits",
      "keyedWrites",
    ];
    for (const name of ours) {
      expect(UNVERSIONED.map((item) => item.name)).toContain(name);
    }
  });
});
