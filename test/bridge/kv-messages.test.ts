// The same request by gRPC and by JSON is the same to the store. Method: random messages, encoded and decoded
// as on the wire, against the parsers of the gateway.

import {
  type Arbitrary,
  array,
  assert,
  bigInt,
  boolean,
  constant,
  letrec,
  nat,
  oneof,
  property,
  record,
  tuple,
  uint8Array,
} from "fast-check";
import { describe, test } from "vitest";
import { readPut, readRange, readTxn } from "../../src/api/kv-json.ts";
import { readWatchCommand } from "../../src/api/watch-json.ts";
import { loadDefinitions, serviceOf } from "../../src/bridge/definitions.ts";
import { withBase64 } from "../../src/bridge/messages.ts";
import { SESSION_METHODS } from "../../src/bridge/session-messages.ts";
import type { Message } from "../../src/bridge/upstream.ts";
import { watchCommandOf } from "../../src/bridge/watch-messages.ts";

const definitions = loadDefinitions({ asBytes: true });

/** The message as a server gets it. */
function decoded(path: string, message: Message): Message {
  const [, service, name] = path.split("/");
  const { requestSerialize, requestDeserialize } = serviceOf(definitions, service!)[name!]!;
  return requestDeserialize(requestSerialize(message)) as Message;
}

const bytes = uint8Array({ maxLength: 4 }).map((all) => Buffer.from(all));
const integer = bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String);
const flag = boolean();

const range = record(
  {
    key: bytes,
    range_end: bytes,
    limit: integer,
    revision: integer,
    sort_order: nat(3),
    sort_target: nat(5),
    serializable: flag,
    keys_only: flag,
    count_only: flag,
    min_mod_revision: integer,
    max_mod_revision: integer,
    min_create_revision: integer,
    max_create_revision: integer,
  },
  { requiredKeys: [] },
);
const put = record(
  {
    key: bytes,
    value: bytes,
    lease: integer,
    prev_kv: flag,
    ignore_value: flag,
    ignore_lease: flag,
  },
  { requiredKeys: [] },
);
const deletion = record({ key: bytes, range_end: bytes, prev_kv: flag }, { requiredKeys: [] });
const compare = tuple(
  record({ result: nat(4), target: nat(5), key: bytes, range_end: bytes }, { requiredKeys: [] }),
  oneof(
    record({ version: integer }),
    record({ create_revision: integer }),
    record({ mod_revision: integer }),
    record({ value: bytes }),
    record({ lease: integer }),
    constant({}),
  ),
).map(([fields, operand]) => ({ ...fields, ...operand }));
const { txn } = letrec((tie) => ({
  operation: oneof(
    { depthSize: "small", withCrossShrink: true },
    constant({}),
    record({ request_range: range }),
    record({ request_put: put }),
    record({ request_delete_range: deletion }),
    record({ request_txn: tie("txn") }),
  ),
  txn: record(
    {
      compare: array(compare, { maxLength: 3 }),
      success: array(tie("operation"), { maxLength: 3 }),
      failure: array(tie("operation"), { maxLength: 3 }),
    },
    { requiredKeys: [] },
  ),
}));
const watch = oneof(
  record({
    create_request: record(
      {
        key: bytes,
        range_end: bytes,
        start_revision: integer,
        progress_notify: flag,
        filters: array(nat(1), { maxLength: 2 }),
        prev_kv: flag,
        watch_id: integer,
        fragment: flag,
      },
      { requiredKeys: [] },
    ),
  }),
  record({ cancel_request: record({ watch_id: integer }) }),
  constant({ progress_request: {} }),
  constant({}),
);

type Words = { readonly ok: true; readonly value: unknown } | { readonly ok: false };

/** Bytes of either kind are equal here. */
const comparable = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (typeof value === "bigint") return `${value}n`;
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).map(([name, member]) => [name, comparable(member)]);
  return Object.fromEntries(fields) as unknown;
};

function told(read: () => unknown): unknown {
  try {
    return comparable(read());
  } catch (error) {
    return (error as Error).message;
  }
}

const byJson = (result: Words & { readonly error?: { readonly message: string } }): unknown =>
  result.ok ? comparable(result.value) : result.error!.message;

describe("a message means what its JSON means", () => {
  const cases: readonly [
    path: string,
    messages: Arbitrary<unknown>,
    read: (body: string) => unknown,
  ][] = [
    [
      "/etcdserverpb.KV/Range",
      range,
      (body) => {
        const read = readRange(body);
        return byJson(read.ok ? { ok: true, value: read.value.request } : read);
      },
    ],
    ["/etcdserverpb.KV/Put", put, (body) => byJson(readPut(body))],
    [
      "/etcdserverpb.KV/Txn",
      txn,
      (body) => {
        const read = readTxn(body);
        return byJson(read.ok ? { ok: true, value: read.value.request } : read);
      },
    ],
  ];
  test.for(cases)("%s", ([path, messages, read], { expect }) => {
    const same = property(messages, (message) => {
      const ours = told(() => SESSION_METHODS.get(path)!(decoded(path, message as Message)));
      expect(ours).toEqual(read(JSON.stringify(withBase64(message as Message))));
    });
    assert(same, { numRuns: 300 });
  });

  test("of a watch", ({ expect }) => {
    const path = "/etcdserverpb.Watch/Watch";
    const same = property(watch, (message: Message) => {
      const ours = told(() => watchCommandOf(decoded(path, message)));
      expect(ours).toEqual(byJson(readWatchCommand(JSON.stringify(withBase64(message)))));
    });
    assert(same, { numRuns: 300 });
  });
});
