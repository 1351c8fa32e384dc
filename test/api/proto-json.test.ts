// The rules of etcd's JSON mapping, one by one. The texts of errors were taken from a running
// etcd 3.5.16 (gateway v2) with the same bodies.

import { describe, expect, test } from "vitest";
import { decodeUtf8, encodeUtf8 } from "../../src/base/bytes.ts";
import type { ApiError } from "../../src/api/error.ts";
import type { Result } from "../../src/base/result.ts";
import type { RangeRequest, TxnRequest } from "../../src/base/kv.ts";
import {
  readCompaction,
  readDeleteRange,
  readPut,
  readRange,
  readTxn,
} from "../../src/api/kv-json.ts";
import { readLeaseGrant, readLeaseKeepAlive } from "../../src/api/lease-json.ts";
import { readWatchCommand } from "../../src/api/watch-json.ts";

function range(body: string): RangeRequest {
  const read = readRange(body);
  if (!read.ok || read.value.request.kind !== "range") throw new Error(`refused: ${body}`);
  return read.value.request.request;
}

function refusal(
  body: string,
  read: (body: string) => Result<unknown, ApiError> = readRange,
): string {
  const result = read(body);
  if (result.ok) throw new Error(`accepted: ${body}`);
  return result.error.message;
}

function txn(body: string): TxnRequest {
  const read = readTxn(body);
  if (!read.ok || read.value.request.kind !== "txn") throw new Error(`refused: ${body}`);
  return read.value.request.request;
}

describe("bytes", () => {
  test.for([
    ["Zm9v", "foo"],
    ["Zm8=", "fo"],
    ["Zm8", "fo"],
    ["Zm9v\\nZg", "foof"],
    ["", ""],
  ] as const)("%s is %s", ([text, meaning]) => {
    expect(decodeUtf8(range(`{"key":"${text}"}`).key)).toBe(meaning);
  });

  test("the URL-safe alphabet is taken, but not mixed with the standard one", () => {
    expect([...range('{"key":"_-8"}').key]).toEqual([0xff, 0xef]);
    expect([...range('{"key":"/+8="}').key]).toEqual([0xff, 0xef]);
    expect(refusal('{"key":"/-8="}')).toContain("invalid value for bytes field key");
  });
});

describe("integers", () => {
  test.for([
    ["5", 5],
    ['"5"', 5],
    ["1e0", 1],
    ['"1e0"', 1],
    ['"1.0"', 1],
    ["1.5e1", 15],
    ["100e-2", 1],
    ["-0", 0],
    ["0.0e5", 0],
    ["-3", -3],
    ['"5]3"', 5],
    ['"5 3"', 5],
    ["null", 0],
  ] as const)("%s is accepted as limit %s", ([text, value]) => {
    expect(range(`{"limit":${text}}`).limit).toBe(value);
  });

  test.for([
    "1.5",
    '"abc"',
    "99999999999999999999",
    "true",
    '" 1"',
    '""',
    "1e400000",
    "[1]",
    '"01"',
    '"5 "',
    '"5x]"',
    '"]5"',
  ])("%s is no int64", (text) => {
    expect(refusal(`{"key":"Zg","limit":${text}}`)).toBe(
      `proto: (line 1:21): invalid value for int64 field limit: ${text[0] === "[" ? "[" : text}`,
    );
  });

  test("lease ids keep all 64 bits, as numbers and as strings", () => {
    for (const text of ["9007199254740993", '"9007199254740993"', "9007199254740993.0"]) {
      const read = readLeaseKeepAlive(`{"ID":${text}}`);
      expect(read).toMatchObject({ ok: true, value: { id: 9_007_199_254_740_993n } });
    }
    expect(readLeaseGrant('{"TTL":10,"ID":-9223372036854775808}')).toMatchObject({
      value: { id: -(2n ** 63n), ttlSeconds: 10 },
    });
    expect(refusal('{"TTL":10,"ID":9223372036854775808}', readLeaseGrant)).toBe(
      "proto: (line 1:16): invalid value for int64 field ID: 9223372036854775808",
    );
  });

  test("a revision beyond 2^51 is as good as 2^51, and exact", () => {
    expect(range('{"revision":9223372036854775807}').revision).toBe(2 ** 51);
    expect(range('{"revision":-9223372036854775807}').revision).toBe(-(2 ** 51));
  });
});

describe("booleans and enums", () => {
  test.for(['"true"', "1", "[]"])("%s is no bool", (text) => {
    expect(refusal(`{"key":"Zg","serializable":${text}}`)).toBe(
      `proto: (line 1:28): invalid value for bool field serializable: ${text[0] === "[" ? "[" : text}`,
    );
  });

  test("an enum is a name or a number; an unknown name is passed over", () => {
    expect(range('{"key":"Zg","sort_order":"DESCEND"}').sortOrder).toBe("descend");
    expect(range('{"key":"Zg","sort_order":2}').sortOrder).toBe("descend");
    expect(range('{"key":"Zg","sort_order":2e0}').sortOrder).toBe("descend");
    expect(range('{"key":"Zg","sort_order":"NOPE"}').sortOrder).toBe("none");
    expect(range('{"key":"Zg","sort_target":"7"}').sortTarget).toBe("key");
  });

  test("an unknown number as sort option is refused, after a missing key", () => {
    expect(refusal('{"key":"Zg","sort_order":7}')).toBe("etcdserver: invalid sort option");
    expect(refusal('{"sort_target":-1}')).toBe("etcdserver: key is not provided");
  });

  test.for(["true", "1.5", "4294967296"])("%s is no enum value", (text) => {
    expect(refusal(`{"key":"Zg","sort_target":${text}}`)).toBe(
      `proto: (line 1:27): invalid value for enum field sortTarget: ${text}`,
    );
  });
});

describe("messages", () => {
  test("a blank body is the empty message, null is the default", () => {
    for (const body of ["", " \n", "{}", '{"key":null,"limit":null,"sort_order":null}']) {
      expect(range(body)).toMatchObject({ limit: 0, revision: 0, sortOrder: "none" });
      expect(range(body).key).toHaveLength(0);
    }
  });

  test("both spellings of a name are taken, others are passed over", () => {
    const request = range(
      '{"rangeEnd":"Zg","min_mod_revision":3,"maxModRevision":4,"x":[{"y":1}]}',
    );
    expect(request).toMatchObject({ minModRevision: 3, maxModRevision: 4 });
    expect([...request.rangeEnd]).toEqual([0x66]);
    expect(readLeaseGrant('{"ttl":10,"id":77}')).toMatchObject({
      value: { id: 0n, ttlSeconds: 0 },
    });
  });

  test("names that every object has mean nothing", () => {
    expect(range('{"constructor":1,"__proto__":{"limit":9},"toString":2}').limit).toBe(0);
  });

  test("what follows the first document of a unary body is not looked at", () => {
    expect(range('{"limit":3} {bad').limit).toBe(3);
  });

  test.for([
    ['{"key":"***"}', 'proto: (line 1:8): invalid value for bytes field key: "***"'],
    ['{"key":12}', "proto: (line 1:8): invalid value for bytes field key: 12"],
    ['{"key":["Zg"]}', "proto: (line 1:8): invalid value for bytes field key: ["],
    ['{"key":{"Zg":1}}', "proto: (line 1:8): invalid value for bytes field key: {"],
    ['{"key":"Zm9vZg="}', 'proto: (line 1:8): invalid value for bytes field key: "Zm9vZg="'],
    ['{"key":"Zg","key":"Zg"}', 'proto: (line 1:13): duplicate field "key"'],
    [
      '{"key":"Zg","range_end":"Zg","rangeEnd":"Zg"}',
      'proto: (line 1:30): duplicate field "rangeEnd"',
    ],
    ["[1]", "proto: syntax error (line 1:1): unexpected token ["],
    ['"x"', 'proto: syntax error (line 1:1): unexpected token "x"'],
    ["null", "proto: syntax error (line 1:1): unexpected token null"],
    ["{bad", "invalid character 'b' looking for beginning of object key string"],
    ["{'a':1}", "invalid character '\\'' looking for beginning of object key string"],
    ["\ufeff{}", "invalid character '\u00ef' looking for beginning of value"],
    ["{\u0001", "invalid character '\\x01' looking for beginning of object key string"],
    ['{"a" 1}', "invalid character '1' after object key"],
    ['{"a":1 "b":2}', "invalid character '\"' after object key:value pair"],
    ['{"a":tru}', "invalid character '}' in literal true (expecting 'e')"],
    ['{"a":1', "unexpected EOF"],
    ['{"a":"x', "unexpected EOF"],
    ['{"a":01}', "invalid character '1' after object key:value pair"],
    ['{"a":-}', "invalid character '}' in numeric literal"],
    ['{"a":[1 2]}', "invalid character '2' after array element"],
    ['{"key":"Zm9v\\u00zz"}', "invalid character 'z' in \\u hexadecimal character escape"],
    ['{"key":"Zm9v\\q"}', "invalid character 'q' in string escape code"],
    ['{\n "limit": 1,\n "é": 2, "limit": 2}', 'proto: (line 3:10): duplicate field "limit"'],
  ] as const)("%s is refused in etcd's words", ([body, text]) => {
    expect(refusal(body)).toBe(text);
  });

  test("the fault that stands first is told, and little of the input with it", () => {
    expect(refusal('{"limit":"a","key":"*"}')).toContain("field limit");
    expect(refusal('{"key":"*","limit":"a"}')).toContain("field key");
    expect(refusal(`{"key":"${"*".repeat(100_000)}"}`).length).toBeLessThan(120);
  });

  test("a nesting deeper than any txn can be is refused, not followed", () => {
    expect(refusal("[".repeat(100_000))).toBe("exceeded max depth");
    const nested = (levels: number): string =>
      '{"success":[{"request_txn":'.repeat(levels) + "{}" + "}]}".repeat(levels);
    expect(readTxn(nested(128)).ok).toBe(true);
    expect(refusal(nested(300), readTxn)).toBe("exceeded max depth");
  });
});

describe("txn", () => {
  test("all operations, nested too", () => {
    const request = txn(
      `{"compare":[{"key":"Zm9v","target":"MOD","mod_revision":"3","result":"NOT_EQUAL"}],
        "success":[{"request_range":{"key":"Zm9v","limit":1}},{"requestPut":{"key":"YQ"}},
          {"request_delete_range":{"key":"Yg","prev_kv":true}},
          {"request_txn":{"failure":[{"request_range":{"key":"YQ=="}}]}},{}]}`,
    );
    expect(request.compare).toMatchObject([{ target: "mod", operand: 3, result: "notEqual" }]);
    expect(request.success.map(({ kind }) => kind)).toEqual([
      "range",
      "put",
      "deleteRange",
      "txn",
      "empty",
    ]);
    expect(request.success[3]).toMatchObject({ request: { failure: [{ kind: "range" }] } });
  });

  test("the operand of another target counts for nothing", () => {
    const body = '{"compare":[{"target":"MOD","version":"7"},{"target":"VALUE","lease":"7"}]}';
    expect(txn(body).compare).toMatchObject([
      { target: "mod", operand: 0 },
      { target: "value", operand: encodeUtf8("") },
    ]);
  });

  test("an unknown result holds; an unknown target is equal to anything", () => {
    expect(txn('{"compare":[{"result":9}]}').compare[0]).toMatchObject({ result: "always" });
    expect(txn('{"compare":[{"target":9}]}').compare[0]).toMatchObject({ result: "always" });
    const never = { target: "version", result: "less", operand: 0 };
    expect(txn('{"compare":[{"target":9,"result":3}]}').compare[0]).toMatchObject(never);
  });

  test.for([
    [
      '{"success":[{"request_range":{"key":"Zm9v"},"requestPut":{"key":"Zm9v"}}]}',
      'proto: (line 1:45): error parsing "requestPut", oneof etcdserverpb.RequestOp.request is already set',
    ],
    [
      '{"compare":[{"key":"Zm9v","target":"MOD","version":"1","mod_revision":"1"}]}',
      'proto: (line 1:56): error parsing "mod_revision", oneof etcdserverpb.Compare.target_union is already set',
    ],
    ['{"success":[null]}', "proto: syntax error (line 1:13): unexpected token null"],
    ['{"success":{}}', "proto: syntax error (line 1:12): unexpected token {"],
    ['{"success":[5]}', "proto: syntax error (line 1:13): unexpected token 5"],
    ['{"success":[{"request_range":5}]}', "proto: syntax error (line 1:30): unexpected token 5"],
    [
      '{"success":[{"request_put":{"key":"%%"}}]}',
      'proto: (line 1:35): invalid value for bytes field key: "%%"',
    ],
    [
      '{"success":[{"request_range":{"key":"Zg","sort_order":9}}]}',
      "etcdserver: invalid sort option",
    ],
  ] as const)("%s is refused in etcd's words", ([body, text]) => {
    expect(refusal(body, readTxn)).toBe(text);
  });

  test("a member of a oneof that is null is not set", () => {
    const body = '{"success":[{"request_range":{"key":"Zm9v"},"requestPut":null}]}';
    expect(txn(body).success).toMatchObject([{ kind: "range" }]);
    expect(txn('{"success":null}').success).toEqual([]);
  });
});

describe("the other requests", () => {
  test("put, deleterange and compaction", () => {
    expect(readPut('{"key":"YQ","value":"Yg","lease":"9007199254740993"}')).toMatchObject({
      value: { kind: "put", request: { lease: 9_007_199_254_740_993n, prevKv: false } },
    });
    expect(readDeleteRange('{"key":"YQ","range_end":"AA"}')).toMatchObject({
      value: { request: { rangeEnd: new Uint8Array([0]), prevKv: false } },
    });
    expect(readCompaction('{"revision":"4","physical":true}')).toEqual({
      ok: true,
      value: { kind: "compact", revision: 4, physical: true },
    });
  });

  test("watch: create with filters, cancel, progress, and nothing", () => {
    const create = readWatchCommand(
      '{"create_request":{"key":"Zm9v","filters":["NOPUT","X",9,1],"watch_id":-4,"start_revision":2}}',
    );
    expect(create).toMatchObject({
      value: {
        kind: "create",
        watchId: -4n,
        spec: { noPut: true, noDelete: true, startRevision: 2 },
      },
    });
    expect(readWatchCommand('{"cancelRequest":{"watchId":"7"}}')).toMatchObject({
      value: { kind: "cancel", watchId: 7n },
    });
    expect(readWatchCommand('{"progress_request":{}}')).toMatchObject({
      value: { kind: "progress" },
    });
    expect(readWatchCommand("{}")).toMatchObject({ value: { kind: "none" } });
    expect(readWatchCommand('{"create_request":{},"cancel_request":{}}').ok).toBe(false);
  });
});
