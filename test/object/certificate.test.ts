// What a replica makes of its certificate: who it is, and who decides as far as it knows.

import { beforeEach, describe, test } from "vitest";
import type { Member } from "../../src/api/replica.ts";
import { asClusterId, asMemberId } from "../../src/base/types.ts";
import {
  loadIdentity,
  loadRemoval,
  parseReplicaName,
  replicaName,
  storeCertificate,
  storeRemoval,
} from "../../src/object/certificate.ts";
import { insertMeta, openNodeSql, type NodeSql } from "../support/node-sql.ts";

const member = (id: bigint): Member => ({ id: asMemberId(id), region: "weur", generation: 1 });
const directory = { clusterId: asClusterId(9n), members: [member(1n), member(2n)] };

let sql: NodeSql;

beforeEach(() => {
  sql = openNodeSql();
  insertMeta(sql);
});

describe("a certificate", () => {
  test("makes each of the first members a voter", ({ expect }) => {
    storeCertificate(sql, { member: member(2n), directory });
    const configuration = { voters: [1n, 2n], outgoing: [], learners: [] };
    expect(loadIdentity(sql)).toEqual({ memberId: 2n, directory, configuration });
  });

  test("tells one that joins who the members are, and of no voter", ({ expect }) => {
    storeCertificate(sql, { member: member(3n), directory });
    const configuration = { voters: [], outgoing: [], learners: [] };
    expect(loadIdentity(sql)).toEqual({ memberId: 3n, directory, configuration });
  });

  test("is missing at first", ({ expect }) => {
    expect(loadIdentity(sql)).toBeNull();
  });
});

test("a removal is kept with the members to turn to", ({ expect }) => {
  storeCertificate(sql, { member: member(2n), directory });
  expect(loadRemoval(sql)).toBeNull();
  const rest = { ...directory, members: [member(1n)] };
  storeRemoval(sql, rest);
  expect(loadRemoval(sql)).toEqual(rest);
});

test("a replica's name says where it lives", ({ expect }) => {
  const place = { region: "apac-ne", generation: 12 };
  const name = replicaName("my-flags", place);
  expect(name).toBe("my-flags/apac-ne/12");
  expect(parseReplicaName(name)).toEqual({ cluster: "my-flags", ...place });
});
