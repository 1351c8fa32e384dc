// The rows of keyed writes: few, whoever writes them, and read back as they were written.

import { test } from "vitest";
import { KeyedMemory } from "../../src/apply/keyed-memory.ts";
import { KEYED_WRITES, type KeyedWrite } from "../../src/apply/keyed-rows.ts";
import { scopedKey } from "../../src/apply/keyed.ts";
import { IDEMPOTENCY_WINDOW_MS } from "../../src/base/limits.ts";
import { asClusterTime, asLogIndex, asRevision } from "../../src/base/types.ts";
import { openNodeSql } from "../support/node-sql.ts";

test("what came one by one stands in few rows, and is read back from them", ({ expect }) => {
  const sql = openNodeSql();
  const write = (n: number): KeyedWrite => ({
    index: asLogIndex(n + 1),
    time: asClusterTime(1 + n),
    revision: asRevision(n),
    user: n % 3 === 0 ? "" : "\u00e4\ud83d\ude00",
    key: `k${n}`,
    fingerprint: new Uint8Array(8),
    answer: new Uint8Array(n % 40),
  });
  const writes = Array.from({ length: 2_000 }, (_, n) => write(n));
  const memory = new KeyedMemory(sql, asClusterTime(1));
  for (const one of writes) {
    memory.remember(one);
    memory.flush(one.time);
  }
  expect(sql.all("SELECT slot FROM keyed").length).toBeLessThan(50);
  const now = asClusterTime(2_000);
  const copied = KEYED_WRITES.copy(sql);
  const again = new KeyedMemory(sql, now);
  expect(writes.map(({ user, key }) => again.find(scopedKey(user, key), now))).toEqual(writes);
  KEYED_WRITES.restore(sql, copied);
  expect(KEYED_WRITES.copy(sql)).toEqual(copied);
  // Half of them is forgotten, in the midst of a row.
  const later = asClusterTime(1_001 + IDEMPOTENCY_WINDOW_MS);
  const rest = new KeyedMemory(sql, later);
  const known = writes.filter(({ user, key }) => rest.find(scopedKey(user, key), later) !== null);
  expect(known).toEqual(writes.slice(1_000));
});
