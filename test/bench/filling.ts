// Owns filling a store with many keys, in transactions as large as etcd's are by default; and a bare
// object with as many.

import { encodeUtf8 } from "../../src/base/bytes.ts";
import { TXN_OPS_MAX } from "../../src/base/limits.ts";
import { Session } from "../../src/client/session.ts";
import { put } from "../support/requests.ts";
import { SOCKET_PLATFORM } from "./doors/socket-platform.ts";
import { inParallel } from "./steps.ts";
import { keyOf, VALUE_BYTES } from "./workloads.ts";

const VALUE = new Uint8Array(VALUE_BYTES).fill(0x61);

/** Puts the keys with numbers from `first` up to and without `end`. */
export async function fill(url: string, first: number, end: number): Promise<void> {
  const session = new Session({ url, platform: SOCKET_PLATFORM });
  const txns = Math.ceil((end - first) / TXN_OPS_MAX);
  await inParallel(txns, async (txn) => {
    const from = first + txn * TXN_OPS_MAX;
    const count = Math.min(TXN_OPS_MAX, end - from);
    const success = Array.from({ length: count }, (_, index) =>
      put(encodeUtf8(keyOf(from + index)), VALUE),
    );
    const request = { compare: [], success, failure: [] };
    await session.ask({ kind: "txn", request }, { timeoutMs: 30_000 });
  });
  session.close();
}

/** Keys of one request. */
const BARE_FILL_KEYS = 10_000;

export async function fillBare(url: string, keys: number): Promise<void> {
  for (let first = 0; first < keys; first += BARE_FILL_KEYS) {
    const end = Math.min(first + BARE_FILL_KEYS, keys);
    const answer = await fetch(`${url}/fill?first=${first}&end=${end}`, { method: "POST" });
    if (!answer.ok) throw new Error(`filling a bare object: ${answer.status}`);
    await answer.text();
  }
}
