// Goal: the history hash is etcd's, bit for bit, and the same on every replica, whatever each has
// swept, received by snapshot, or is doing meanwhile. Method: histories of which a real etcd has told
// its hashes; random histories hashed in slices of a few rows with writes in between.

import * as fc from "fast-check";
import { describe, test, vi } from "vitest";

import type { Command } from "../../src/apply/command.ts";
import { EMPTY } from "../../src/base/bytes.ts";
import { crc32c, joinCrc32c } from "../../src/base/checksum.ts";
import type { TxnOp } from "../../src/base/kv.ts";
import { asLeaseId, type Bytes } from "../../src/base/types.ts";
import { beginHashKv, hashKv } from "../../src/mvcc/hash-kv.ts";
import { refusalOf, valueOf } from "../mvcc/fixture.ts";
import { TRANSCRIPTS } from "./etcd-hashes.ts";
import { putOf, StateMachine, step } from "./state-machine.ts";

vi.mock("../../src/base/limits.ts", async (original) => ({
  ...(await original<typeof import("../../src/base/limits.ts")>()),
  COMPACTION_SLICE_ROWS: 2,
  CATCH_UP_BYTES_MAX: 60,
  SEGMENT_BYTES: 400,
}));

/** A key or value of a transcript: a JSON string of latin-1. */
function bytesOf(token: string): Bytes {
  const text = JSON.parse(token) as string;
  if (text === "z*300") return new Uint8Array(300).fill(0x7a);
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function operationOf(words: string): TxnOp {
  const [kind, key = "", second = "", lease = "0"] = words.trim().split(" ");
  if (kind === "delete") {
    const request = { key: bytesOf(key), rangeEnd: bytesOf(second), prevKv: false };
    return { kind: "deleteRange", request };
  }
  const flags = { prevKv: false, ignoreValue: false, ignoreLease: false };
  const kv = { key: bytesOf(key), value: bytesOf(second), lease: asLeaseId(BigInt(lease)) };
  return { kind: "put", request: { ...kv, ...flags } };
}

function commandOf(line: string): Command {
  const [kind] = line.split(" ");
  const rest = line.slice(line.indexOf(" ") + 1);
  switch (kind) {
    case "grant":
      return { kind: "leaseGrant", id: asLeaseId(BigInt(rest)), ttlSeconds: 3_000 };
    case "revoke":
      return { kind: "leaseRevoke", id: asLeaseId(BigInt(rest)) };
    case "compact":
      return { kind: "compact", revision: Number(rest) };
    case "txn":
      return {
        kind: "txn",
        request: { compare: [], success: rest.split(";").map(operationOf), failure: [] },
      };
    default:
      return operationOf(line) as Command;
  }
}

const hashOf = ({ sql, store }: StateMachine, revision: number) =>
  valueOf(hashKv(sql, store, revision));

describe("etcd's own hashes", () => {
  test.for(TRANSCRIPTS.map((text, number) => ({ number, lines: text.trim().split("\n") })))(
    "history $number",
    ({ lines }, { expect }) => {
      const machine = new StateMachine();
      let hashes = 0;
      for (const [request, line] of lines.entries()) {
        if (!line.startsWith("hash ")) {
          machine.run({ command: commandOf(line), afterMs: 1, request });
          continue;
        }
        const [revision, compacted, hash] = line.split(" ").slice(1).map(Number);
        const expected = { hash, compactRevision: compacted };
        expect(hashOf(machine, revision!), line).toMatchObject(expected);
        while (machine.store.sweep(2));
        expect(hashOf(machine, revision!), `${line}, swept`).toMatchObject(expected);
        hashes++;
      }
      expect(hashes).toBeGreaterThan(3);
    },
  );

  test("a store that never changed has the hash of a name", ({ expect }) => {
    const hash = crc32c(Uint8Array.from("key", (character) => character.charCodeAt(0)));
    expect(hashOf(new StateMachine(), 0)).toEqual({ hash, hashRevision: 1, compactRevision: -1 });
    expect(hash).toBe(1_084_519_789);
  });

  test("a future revision and a compacted one are refused", ({ expect }) => {
    const machine = new StateMachine();
    for (const n of [1, 2, 3]) machine.run(putOf("a", `${n}`, n));
    machine.store.compact(3);
    const refusals = [1, 2, 3, 4, 5].map((revision) =>
      refusalOf(hashKv(machine.sql, machine.store, revision)),
    );
    expect(refusals).toEqual(["compacted", "compacted", "accepted", "accepted", "futureRevision"]);
  });
});

test("a hash in slices is that of its beginning, whatever happens in between", ({ expect }) => {
  const steps = fc.array(step, { minLength: 3, maxLength: 40, size: "max" });
  let slices = 0;
  const back = fc.nat({ max: 6 });
  const property = fc.property(steps, steps, back, back, (before, after, behind, below) => {
    const machine = new StateMachine();
    for (const each of before) machine.run(each);
    const { revision } = machine.store;
    const at = Math.max(1, machine.store.compacted, revision - behind);
    // Refused when it is no later than the last: then that stays.
    machine.store.compact(at - below);
    const { compacted } = machine.store;
    const expected = hashOf(machine, at);
    const hashing = valueOf(beginHashKv(machine.sql, machine.store, at));
    const rest = [...after];
    let hash = hashing.step();
    for (; hash === null; hash = hashing.step()) {
      slices++;
      const next = rest.shift();
      if (next !== undefined) machine.run(next);
      expect(machine.store.sweepPending).toBe(false);
    }
    expect(hash).toEqual(expected);
    expect(machine.store.sweepPending).toBe(machine.store.compacted > compacted || compacted > -1);
    machine.sql.close();
  });
  fc.assert(property, { numRuns: 100 });
  expect(slices).toBeGreaterThan(500);
});

test("the hash of joined bytes is joined from theirs", ({ expect }) => {
  const bytes = fc.uint8Array({ maxLength: 600 });
  fc.assert(
    fc.property(bytes, bytes, (before, behind) => {
      const joined = crc32c(behind, crc32c(before));
      expect(joined).toBe(crc32c(Uint8Array.from([...before, ...behind])));
      expect(joinCrc32c(crc32c(before), crc32c(behind), behind.length)).toBe(joined);
    }),
  );
  expect(crc32c(EMPTY, 7)).toBe(7);
});
