// The JSON of answers, against bodies that a running etcd 3.5.16 gave (without its random spaces).

import { describe, expect, test } from "vitest";
import { answerBody, answerLine } from "../../src/api/answer-json.ts";
import { watchLine } from "../../src/api/watch-json.ts";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import type { KeyValue } from "../../src/base/kv.ts";
import {
  asClusterId,
  asLeaseId,
  asMemberId,
  asRevision,
  asTerm,
  NO_LEASE,
} from "../../src/base/types.ts";

const header = {
  clusterId: asClusterId(324_952_591_200_643_719n),
  memberId: asMemberId(18_446_744_073_709_551_615n),
  revision: asRevision(4),
  term: asTerm(2),
};
const HEADER =
  '"header":{"cluster_id":"324952591200643719","member_id":"18446744073709551615","revision":"4","raft_term":"2"}';

const kv = (
  key: string,
  value: string,
  revisions: readonly [number, number, number],
): KeyValue => ({
  key: encodeUtf8(key),
  value: encodeUtf8(value),
  createRevision: asRevision(revisions[0]),
  modRevision: asRevision(revisions[1]),
  version: revisions[2],
  lease: NO_LEASE,
});
const FOO = kv("foo", "bar", [2, 3, 2]);
const FOO_TEXT =
  '{"key":"Zm9v","create_revision":"2","mod_revision":"3","version":"2","value":"YmFy"}';

describe("answers", () => {
  test("a range", () => {
    const answer = { kvs: [FOO], more: false, count: 1 };
    expect(answerBody(header, { kind: "range", answer })).toBe(
      `{${HEADER},"kvs":[${FOO_TEXT}],"count":"1"}`,
    );
  });

  test("zero values are left out, empty answers keep their header", () => {
    const answer = { kvs: [], more: false, count: 0 };
    expect(answerBody(header, { kind: "range", answer })).toBe(`{${HEADER}}`);
    expect(answerBody(header, { kind: "put", answer: { prevKv: null } })).toBe(`{${HEADER}}`);
    expect(answerBody(header, { kind: "compact" })).toBe(`{${HEADER}}`);
    const txn = { succeeded: false, responses: [] };
    expect(answerBody(header, { kind: "txn", answer: txn })).toBe(`{${HEADER}}`);
  });

  test("a value that is empty, and a lease beyond 2^53", () => {
    const leased = { ...kv("a", "", [5, 5, 1]), lease: asLeaseId(-9_007_199_254_740_993n) };
    expect(answerBody(header, { kind: "put", answer: { prevKv: leased } })).toContain(
      '"prev_kv":{"key":"YQ==","create_revision":"5","mod_revision":"5","version":"1","lease":"-9007199254740993"}',
    );
  });

  test("a txn: sub-headers have the revision alone, that of a nested txn is empty but there", () => {
    const range = { kvs: [], more: false, count: 0 };
    const inner = { kind: "range", revision: asRevision(4), answer: range } as const;
    const answer = {
      succeeded: true,
      responses: [
        { kind: "range", revision: asRevision(3), answer: { kvs: [FOO], more: true, count: 2 } },
        { kind: "put", revision: asRevision(4), answer: { prevKv: null } },
        { kind: "deleteRange", revision: asRevision(4), answer: { deleted: 1, prevKvs: [FOO] } },
        { kind: "txn", answer: { succeeded: true, responses: [inner] } },
      ],
    } as const;
    expect(answerBody(header, { kind: "txn", answer })).toBe(
      `{${HEADER},"succeeded":true,"responses":[` +
        `{"response_range":{"header":{"revision":"3"},"kvs":[${FOO_TEXT}],"more":true,"count":"2"}},` +
        `{"response_put":{"header":{"revision":"4"}}},` +
        `{"response_delete_range":{"header":{"revision":"4"},"deleted":"1","prev_kvs":[${FOO_TEXT}]}},` +
        `{"response_txn":{"header":{},"succeeded":true,"responses":[{"response_range":{"header":{"revision":"4"}}}]}}]}`,
    );
  });

  test("leases", () => {
    const id = asLeaseId(9_223_372_036_854_775_807n);
    const ID = '"ID":"9223372036854775807"';
    expect(answerBody(header, { kind: "leaseGrant", answer: { id, ttlSeconds: 10 } })).toBe(
      `{${HEADER},${ID},"TTL":"10"}`,
    );
    expect(answerLine(header, { kind: "leaseKeepAlive", answer: { id, ttlSeconds: 0 } })).toBe(
      `{"result":{${HEADER},${ID}}}\n`,
    );
    const gone = { id, ttlSeconds: -1, grantedTtlSeconds: 0, keys: [] };
    expect(answerBody(header, { kind: "leaseTimeToLive", answer: gone })).toBe(
      `{${HEADER},${ID},"TTL":"-1"}`,
    );
    const alive = { id, ttlSeconds: 9, grantedTtlSeconds: 10, keys: [encodeUtf8("a")] };
    expect(answerBody(header, { kind: "leaseTimeToLive", answer: alive })).toBe(
      `{${HEADER},${ID},"TTL":"9","grantedTTL":"10","keys":["YQ=="]}`,
    );
    const leases = { leases: [id, asLeaseId(-5n)] };
    expect(answerBody(header, { kind: "leaseLeases", answer: leases })).toBe(
      `{${HEADER},"leases":[{${ID}},{"ID":"-5"}]}`,
    );
  });
});

describe("watch responses", () => {
  test("the first watch has id 0, which is left out", () => {
    expect(watchLine({ header, watchId: 0n, created: true })).toBe(
      `{"result":{${HEADER},"created":true}}\n`,
    );
  });

  test("a put has no type, a deletion has key and revision only", () => {
    const gone = kv("foo", "", [0, 4, 0]);
    const line = watchLine({
      header,
      watchId: 7n,
      fragment: true,
      events: [
        { kind: "put", kv: FOO, prevKv: null },
        { kind: "delete", kv: gone, prevKv: FOO },
      ],
    });
    expect(line).toBe(
      `{"result":{${HEADER},"watch_id":"7","fragment":true,"events":[{"kv":${FOO_TEXT}},` +
        `{"type":"DELETE","kv":{"key":"Zm9v","mod_revision":"4"},"prev_kv":${FOO_TEXT}}]}}\n`,
    );
  });

  test("a cancellation for compaction has no revision in its header", () => {
    const unrevised = { ...header, revision: asRevision(0) };
    expect(watchLine({ header: unrevised, watchId: 1n, canceled: true, compactRevision: 4 })).toBe(
      `{"result":{${HEADER.replace(',"revision":"4"', "")},"watch_id":"1","canceled":true,"compact_revision":"4"}}\n`,
    );
  });
});
