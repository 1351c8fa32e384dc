// The size of a request in protocol buffers, field by field of the .proto files.

import { expect, test } from "vitest";
import { readDeleteRange, readPut, readRange, readTxn } from "../../src/api/kv-json.ts";
import { protoSize } from "../../src/api/proto-size.ts";

const sizeOf = (read: ReturnType<typeof readPut | typeof readRange>): number => {
  if (!read.ok) throw new Error(read.error.message);
  return protoSize(
    "request" in read.value && !("kind" in read.value) ? read.value.request : read.value,
  );
};

const TWO_MIB = "A".repeat((2_200_000 / 3) * 4 - (((2_200_000 / 3) * 4) % 4));

test.for([
  ["put", () => readPut('{"key":"Zm9v"}'), 5],
  ["put", () => readPut('{"key":"Zm9v","value":"YQ","lease":300,"prev_kv":true}'), 5 + 3 + 3 + 2],
  ["put of a negative lease", () => readPut('{"lease":-1}'), 11],
  // As a running etcd 3.5.16 counts it.
  ["large put", () => readPut(`{"key":"Zm9v","value":"${TWO_MIB}"}`), 2_200_009],
  ["deleterange", () => readDeleteRange('{"key":"Zm9v","range_end":"Zm9w"}'), 10],
  ["range", () => readRange('{"key":"Zm9v","sort_order":"DESCEND","serializable":true}'), 9],
  ["txn", () => readTxn('{"success":[{"request_put":{"key":"Zm9v"}},{}]}'), 2 + 2 + 5 + 2],
  [
    "compare",
    () => readTxn('{"compare":[{"key":"Zm9v","target":"MOD","mod_revision":3}]}'),
    2 + 5 + 2 + 2,
  ],
] as const)("%s of %s takes %d bytes", ([, read, size]) => {
  expect(sizeOf(read())).toBe(size);
});
