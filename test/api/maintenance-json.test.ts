// The JSON of etcd's maintenance calls. Requests, errors and the shape of answers were taken from a
// running etcd 3.5.16, and the fields that came with 3.6 from its proto files.

import { describe, expect, test } from "vitest";
import type { ApiError } from "../../src/api/error.ts";
import {
  maintenanceBody,
  readAlarm,
  readDefragment,
  readDowngrade,
  readHash,
  readHashKv,
  readStatus,
  type MaintenanceAnswer,
} from "../../src/api/maintenance-json.ts";
import type { ClientRequest } from "../../src/api/replica.ts";
import type { Result } from "../../src/base/result.ts";
import { asClusterId, asLogIndex, asMemberId, asRevision, asTerm } from "../../src/base/types.ts";

type Read = (body: string) => Result<ClientRequest, ApiError>;

const NOBODY = asMemberId(0n);
const ID = 18_446_744_073_709_551_615n;

describe("requests", () => {
  const get = { kind: "alarm", action: "get", member: NOBODY, alarm: null };
  test.for<readonly [Read, string, object]>([
    [readStatus, "", { kind: "status" }],
    [readHash, "{}", { kind: "hash" }],
    [readDefragment, "{}", { kind: "defragment" }],
    [readHashKv, "{}", { kind: "hashKv", revision: 0 }],
    [readHashKv, '{"revision":"7"}', { kind: "hashKv", revision: 7 }],
    [readHashKv, '{"revision":-1}', { kind: "hashKv", revision: 0 }],
    [readAlarm, "{}", get],
    [readAlarm, '{"action":"GET","alarm":"NONE","memberID":null}', get],
    [readAlarm, '{"alarm":"FIRE"}', get],
    [readAlarm, '{"alarm":"CORRUPT"}', { ...get, alarm: "corrupt" }],
    [
      readAlarm,
      `{"action":"ACTIVATE","memberID":"${ID}","alarm":"NOSPACE"}`,
      { kind: "alarm", action: "activate", member: ID, alarm: "noSpace" },
    ],
    [
      readAlarm,
      '{"action":2,"member_id":5,"memberID":7,"alarm":1}',
      { kind: "alarm", action: "deactivate", member: asMemberId(7n), alarm: "noSpace" },
    ],
    [readDowngrade, '{"version":"3.6"}', { kind: "downgrade" }],
    [readDowngrade, '{"action":"VALIDATE","version":"3.6.0"}', { kind: "downgrade" }],
    [readDowngrade, '{"action":"VALIDATE","version":"3.6.9-rc.1"}', { kind: "downgrade" }],
  ])("%#: %s", ([read, body, expected]) => {
    expect(read(body)).toEqual({ ok: true, value: expected });
  });

  const FORMAT = { code: 3, message: "etcdserver: wrong downgrade target version format" };
  const TARGET = { code: 3, message: "etcdserver: invalid downgrade target version" };
  test.for<readonly [Read, string, object]>([
    [readDowngrade, "{}", FORMAT],
    [readDowngrade, '{"version":"x"}', FORMAT],
    [readDowngrade, '{"version":"3"}', FORMAT],
    [readDowngrade, '{"version":"3.6.0.1"}', FORMAT],
    [readDowngrade, '{"version":"3.7"}', TARGET],
    [readDowngrade, '{"version":"3.7.0"}', TARGET],
    [readDowngrade, '{"version":"3.5.0"}', TARGET],
    [readDowngrade, '{"version":"3.8"}', TARGET],
    [readDowngrade, '{"action":"ENABLE","version":"3.5"}', TARGET],
    [
      readDowngrade,
      '{"action":"ENABLE","version":"3.6.0"}',
      { code: 9, message: "etcdserver: not capable" },
    ],
    [
      readDowngrade,
      '{"action":"CANCEL"}',
      { code: 9, status: 400, message: "etcdserver: no inflight downgrade job" },
    ],
    [
      readDowngrade,
      '{"action":9}',
      { code: 2, status: 500, message: "etcdserver: unknown method" },
    ],
    [readAlarm, '{"action":7}', { code: 3 }],
    [readAlarm, '{"action":"ACTIVATE","alarm":7}', { code: 3 }],
    [readHashKv, '{"revision":"x"}', { code: 3 }],
  ])("refused %#: %s", ([read, body, expected]) => {
    expect(read(body)).toMatchObject({ ok: false, error: expected });
  });
});

describe("answers", () => {
  const header = {
    clusterId: asClusterId(1n),
    memberId: asMemberId(2n),
    revision: asRevision(3),
    term: asTerm(4),
  };
  const body = (answer: MaintenanceAnswer): unknown => JSON.parse(maintenanceBody(header, answer));
  const shown = { cluster_id: "1", member_id: "2", revision: "3", raft_term: "4" };

  const status = {
    leader: asMemberId(2n),
    term: asTerm(4),
    commit: asLogIndex(9),
    applied: asLogIndex(8),
    isLearner: false,
    alarms: [],
    sizeBytes: 20_480,
    inUseBytes: 16_384,
    quotaBytes: 2_147_483_648,
  };

  test("status, in the order of its fields", () => {
    const printed = maintenanceBody(header, { kind: "status", answer: status });
    expect(printed).toBe(
      `{"header":${JSON.stringify(shown)},"version":"3.7.1","dbSize":"20480","leader":"2",` +
        '"raftIndex":"9","raftTerm":"4","raftAppliedIndex":"8","dbSizeInUse":"16384",' +
        '"storageVersion":"3.7.0","dbSizeQuota":"2147483648","downgradeInfo":{}}',
    );
  });

  test("status without a leader, under alarms, of a learner", () => {
    const alarms = [
      { member: NOBODY, alarm: "noSpace" },
      { member: asMemberId(7n), alarm: "corrupt" },
    ] as const;
    const answer = { ...status, leader: null, isLearner: true, alarms };
    const printed = body({ kind: "status", answer });
    expect(printed).not.toHaveProperty("leader");
    expect(printed).toMatchObject({
      isLearner: true,
      errors: ["etcdserver: no leader", "alarm:NOSPACE ", "memberID:7 alarm:CORRUPT "],
    });
  });

  test.for<readonly [MaintenanceAnswer, object]>([
    [{ kind: "alarm", alarms: [] }, { header: shown }],
    [
      {
        kind: "alarm",
        alarms: [
          { member: NOBODY, alarm: "noSpace" },
          { member: asMemberId(7n), alarm: "corrupt" },
        ],
      },
      { header: shown, alarms: [{ alarm: "NOSPACE" }, { memberID: "7", alarm: "CORRUPT" }] },
    ],
    [
      { kind: "hash", hash: 3_132_941_757 },
      { header: shown, hash: 3_132_941_757 },
    ],
    [
      {
        kind: "hashKv",
        answer: { hash: 5, compactRevision: asRevision(-1), hashRevision: asRevision(3) },
      },
      { header: shown, hash: 5, compact_revision: "-1", hash_revision: "3" },
    ],
    [{ kind: "defragment" }, {}],
    [{ kind: "downgrade" }, { header: shown, version: "3.7.0" }],
  ])("%#", ([answer, expected]) => {
    expect(body(answer)).toEqual(expected);
  });
});
