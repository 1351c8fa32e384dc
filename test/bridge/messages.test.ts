// The messages on the wire, against bytes as etcd's own compiled code writes them, and the form in which
// the gateway takes and gives them.

import { describe, test } from "vitest";
import { GATEWAY_PATHS } from "../../src/bridge/gateway-paths.ts";
import { loadDefinitions } from "../../src/bridge/definitions.ts";
import type { Message } from "../../src/bridge/upstream.ts";
import { methodOf } from "./support.ts";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");
const base64 = (text: string): string => Buffer.from(text).toString("base64");

describe("a request becomes the gateway's JSON", () => {
  const rows: readonly [name: string, path: string, bytes: string, json: Message][] = [
    ["what is not sent is absent", "/etcdserverpb.KV/Range", "0a 01 61", { key: base64("a") }],
    [
      "a lease id keeps all 64 bits",
      "/etcdserverpb.Lease/LeaseRevoke",
      "08 ff ff ff ff ff ff ff ff 7f",
      { ID: "9223372036854775807" },
    ],
    [
      "a negative one too",
      "/etcdserverpb.Lease/LeaseRevoke",
      "08 80 80 80 80 80 80 80 80 80 01",
      { ID: "-9223372036854775808" },
    ],
    [
      "a member's is unsigned",
      "/etcdserverpb.Cluster/MemberRemove",
      "08 ff ff ff ff ff ff ff ff ff 01",
      { ID: "18446744073709551615" },
    ],
    [
      "an enum value is a number, one that nobody knows too",
      "/etcdserverpb.KV/Range",
      "0a 01 61 28 02 30 63",
      { key: base64("a"), sort_order: 2, sort_target: 99 },
    ],
    [
      "a member of a oneof that is zero is there",
      "/etcdserverpb.KV/Txn",
      "0a 07 10 01 1a 01 61 28 00",
      { compare: [{ target: 1, key: base64("a"), create_revision: "0" }] },
    ],
    [
      "field 64 of a comparison is its range's end",
      "/etcdserverpb.KV/Txn",
      "0a 07 1a 01 61 82 04 01 62",
      { compare: [{ key: base64("a"), range_end: base64("b") }] },
    ],
    [
      "an operation without fields is there",
      "/etcdserverpb.KV/Txn",
      "12 02 1a 00",
      { success: [{ request_delete_range: {} }] },
    ],
    [
      "a watch's progress request has no fields",
      "/etcdserverpb.Watch/Watch",
      "1a 00",
      { progress_request: {} },
    ],
    [
      "a user's options",
      "/etcdserverpb.Auth/UserAdd",
      "0a 01 75 1a 02 08 01 22 01 68",
      { name: "u", options: { no_password: true }, hashedPassword: "h" },
    ],
  ];
  test.for(rows)("%s", ([, path, bytes, json], { expect }) => {
    expect(methodOf(path).requestDeserialize(hex(bytes))).toEqual(json);
  });
});

describe("the gateway's JSON becomes an answer", () => {
  const rows: readonly [name: string, path: string, json: Message, bytes: string][] = [
    [
      "ids beyond 2^63 keep all bits",
      "/etcdserverpb.KV/Put",
      { header: { cluster_id: "18446744073709551615", member_id: "9223372036854775809" } },
      "0a 16 08 ff ff ff ff ff ff ff ff ff 01 10 81 80 80 80 80 80 80 80 80 01",
    ],
    [
      "revisions beyond 2^53 keep all digits",
      "/etcdserverpb.KV/Put",
      { header: { revision: "9007199254740993", raft_term: "2" } },
      "0a 0b 18 81 80 80 80 80 80 80 10 20 02",
    ],
    [
      "a lease that is gone: -1",
      "/etcdserverpb.Lease/LeaseTimeToLive",
      { ID: "7", TTL: "-1" },
      "10 07 18 ff ff ff ff ff ff ff ff ff 01",
    ],
    [
      "names of enum values",
      "/etcdserverpb.Watch/Watch",
      { events: [{ type: "DELETE", kv: { key: base64("a"), mod_revision: "3" } }] },
      "5a 09 08 01 12 05 0a 01 61 18 03",
    ],
    [
      "watch id -1",
      "/etcdserverpb.Watch/Watch",
      { watch_id: "-1", canceled: true, cancel_reason: "x" },
      "10 ff ff ff ff ff ff ff ff ff 01 20 01 32 01 78",
    ],
    [
      "bytes that are no text",
      "/etcdserverpb.KV/Range",
      { kvs: [{ key: "/wA=" }] },
      "12 04 0a 02 ff 00",
    ],
    [
      "a nested transaction's answer with an empty header",
      "/etcdserverpb.KV/Txn",
      { succeeded: true, responses: [{ response_txn: { header: {} } }] },
      "10 01 1a 04 22 02 0a 00",
    ],
    [
      "a hash of 32 bits",
      "/etcdserverpb.Maintenance/Hash",
      { hash: 4294967295 },
      "10 ff ff ff ff 0f",
    ],
  ];
  test.for(rows)("%s", ([, path, json, bytes], { expect }) => {
    expect(methodOf(path).responseSerialize(json).toString("hex")).toBe(hex(bytes).toString("hex"));
  });
});

test("every method of etcd's services has a path of the gateway, but RangeStream", ({ expect }) => {
  const paths = Object.entries(loadDefinitions())
    .filter(([name, definition]) => !name.startsWith("grpc.") && !("format" in definition))
    .flatMap(([, service]) => Object.values(service as Record<string, { path: string }>))
    .map(({ path }) => path);
  expect(paths.length).toBe(49);
  expect(paths.filter((path) => !GATEWAY_PATHS.has(path))).toEqual([
    "/etcdserverpb.KV/RangeStream",
  ]);
});
