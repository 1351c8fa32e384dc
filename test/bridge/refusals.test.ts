// What clients are told of calls that are none, word for word: calls that no library would make. What a
// running etcd has said to the same is in the table; of messages that are none, what 3.7 says.

import { once } from "node:events";
import { connect } from "node:http2";
import { afterEach, beforeEach, describe, test } from "vitest";
import { played, startBench, type Bench } from "./support.ts";

let bench: Bench;
beforeEach(async () => {
  bench = await startBench(played({ call: () => Promise.resolve({}) }));
});
afterEach(() => bench.stop());

interface RawCall {
  readonly path: string;
  readonly message?: readonly number[];
  readonly encoding?: string;
}

/** The status of a call, as it stands in the trailers. */
async function statusOf({ path, message = [], encoding }: RawCall): Promise<[string, string]> {
  const session = connect(`http://127.0.0.1:${bench.port}`);
  const stream = session.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc",
    te: "trailers",
    ...(encoding === undefined ? {} : { "grpc-encoding": encoding }),
  });
  const isCompressed = encoding === undefined ? 0 : 1;
  stream.end(Buffer.from([isCompressed, 0, 0, 0, message.length, ...message]));
  let status = {};
  for (const event of ["response", "trailers"]) {
    stream.on(event, (headers: object) => (status = { ...status, ...headers }));
  }
  stream.resume();
  await once(stream, "close");
  session.close();
  const { "grpc-status": code, "grpc-message": text } = status as Record<string, string>;
  return [code!, decodeURIComponent(text ?? "")];
}

const NO_PROTO = "proto: cannot parse invalid wire-format data";
const CUT_OFF = [0x0a, 0xff, 0xff];

const refusals: readonly [call: RawCall, code: string, text: string][] = [
  [{ path: "/etcdserverpb.KV/Nope" }, "12", "unknown method Nope for service etcdserverpb.KV"],
  [{ path: "/etcdserverpb.Nope/Range" }, "12", "unknown service etcdserverpb.Nope"],
  [{ path: "/a/b/c" }, "12", "unknown service a/b"],
  [{ path: "/nope" }, "12", 'malformed method name: "/nope"'],
  [
    { path: "/etcdserverpb.KV/Range", message: CUT_OFF },
    "13",
    `grpc: error unmarshalling request: ${NO_PROTO}`,
  ],
  [
    { path: "/etcdserverpb.Maintenance/Snapshot", message: CUT_OFF },
    "13",
    `grpc: failed to unmarshal the received message: ${NO_PROTO}`,
  ],
  [
    { path: "/etcdserverpb.KV/Range", message: [0x0a, 1, 0x61], encoding: "foo" },
    "12",
    'grpc: Decompressor is not installed for grpc-encoding "foo"',
  ],
];

describe("a call that is none", () => {
  test.for(refusals)("%s", async ([call, code, text], { expect }) => {
    expect(await statusOf(call)).toEqual([code, text]);
  });

  test("is told from one that is", async ({ expect }) => {
    const call = { path: "/etcdserverpb.KV/Range", message: [0x0a, 1, 0x61] };
    expect(await statusOf(call)).toEqual(["0", "OK"]);
  });
});
