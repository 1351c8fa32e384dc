// The same request by gRPC and by JSON is the same to the store. Method: random messages, encoded and decoded
// as on the wire, against the parsers of the gateway.

import fc from "fast-check";
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

const bytes = fc.uint8Array({ maxLength: 4 }).map((array) => Buffer.from(array));
const integer = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String);
const flag = fc.boolean();

const range = fc.record(
  {
    key: bytes,
    range_end: bytes,
    limit: integer,
    revision: integer,
    sort_order: fc.nat(3),
    sort_target: fc.nat(5),
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
const put = fc.record(
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
const deletion = fc.record({ key: bytes, range_end: bytes, prev_kv: flag }, { requiredKeys: [] });
const compare = fc
  .tuple(
    fc.record(
      { result: fc.nat(4), target: fc.nat(5), key: bytes, range_end: bytes },
      { requiredKeys: [] },
    ),
    fc.oneof(
      fc.record({ version: integer }),
      fc.record({ create_revision: integer }),
      fc.record({ mod_revision: integer }),
      fc.record({ value: bytes }),
      fc.record({ lease: integer }),
      fc.constant({}),
    ),
  )
  .map(([fields, operand]) => ({ ...fields, ...operand }));
const { txn } = fc.letrec((tie) => ({
  operation: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constant({}),
    fc.record({ request_range: range }),
    fc.record({ request_put: put }),
    fc.record({ request_delete_range: deletion }),
    fc.record({ request_txn: tie("txn") }),
  ),
  txn: fc.record(
    {
      compare: fc.array(compare, { maxLength: 3 }),
      success: fc.array(tie("operation"), { maxLength: 3 }),
      failure: fc.array(tie("operation"), { maxLength: 3 }),
    },
    { requiredKeys: [] },
  ),
}));
const watch = fc.oneof(
  fc.record({
    create_request: fc.record(
      {
        key: bytes,
        range_end: bytes,
        start_revision: integer,
        progress_notify: flag,
        filters: fc.array(fc.nat(1), { maxLength: 2 }),
        prev_kv: flag,
        watch_id: integer,
        fragment: flag,
      },
      { requiredKeys: [] },
    ),
  }),
  fc.record({ cancel_request: fc.record({ watch_id: integer }) }),
  fc.constant({ progress_request: {} }),
  fc.constant({}),
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
    messages: fc.Arbitrary<unknown>,
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
    const property = fc.property(messages, (message) => {
      const ours = told(() => SESSION_METHODS.get(path)!(decoded(path, message as Message)));
      expect(ours).toEqual(read(JSON.stringify(withBase64(message as Message))));
    });
    fc.assert(property, { numRuns: 300 });
  });

  test("of a watch", ({ expect }) => {
    const path = "/etcdserverpb.Watch/Watch";
    const property = fc.property(watch, (message: Message) => {
      const ours = told(() => watchCommandOf(decoded(path, message)));
      expect(ours).toEqual(byJson(readWatchCommand(JSON.stringify(withBase64(message)))));
    });
    fc.assert(property, { numRuns: 300 });
  });
});
