// Writes with idempotency keys: each happens once for as long as its key is remembered, and whoever
// repeats it has the first answer, wherever the replica was between.

import * as fc from "fast-check";
import { describe, test } from "vitest";
import type { Command } from "../../src/apply/command.ts";
import { decodeProposal } from "../../src/apply/command.ts";
import type { AuthCommand } from "../../src/auth/auth-command.ts";
import { InvariantError } from "../../src/base/assert.ts";
import {
  ANSWER_KEPT_BYTES_MAX,
  IDEMPOTENCY_BYTES_MAX,
  IDEMPOTENCY_KEYS_MAX,
  IDEMPOTENCY_WINDOW_MS,
} from "../../src/base/limits.ts";
import { KeyedMemory } from "../../src/apply/keyed-memory.ts";
import type { KeyedWrite } from "../../src/apply/keyed-rows.ts";
import { openNodeSql } from "../support/node-sql.ts";
import { asClusterTime, asLeaseId, asLogIndex, asRevision } from "../../src/base/types.ts";
import { CODE_VERSION } from "../../src/base/versions.ts";
import { grant, KeyedMachine, Log, put, revoke, type Asked } from "./keyed-machine.ts";

/** What a write answered and the revision of its header, of the last of `asked`. */
function outcomes(...asked: Asked[]): { readonly error: unknown; readonly revision: number }[] {
  const log = new Log();
  for (const one of asked) log.add(one);
  const machine = new KeyedMachine();
  return machine
    .apply(...log.entries)
    .slice(1)
    .map(({ outcome, revision }) => ({
      error: outcome?.ok === false ? outcome.error : null,
      revision,
    }));
}

const auth = (request: AuthCommand): Asked => ({
  command: { kind: "auth", request },
  user: "root",
});
const addUser = (name: string): Asked => auth({ op: "userAdd", name, passwordHash: null });
const asRoot = (name: string): Asked => auth({ op: "userGrantRole", name, role: "root" });

/** Users who may do all, and auth on. */
const USERS: readonly Asked[] = [
  auth({ op: "roleAdd", name: "root" }),
  ...["root", "ann", "bob"].flatMap((name) => [addUser(name), asRoot(name)]),
  auth({ op: "enable" }),
];

const OVER = IDEMPOTENCY_WINDOW_MS + 1;

describe("a repeat by key", () => {
  const first: Asked = { command: put("a", "1"), key: "k" };
  const rows: readonly (readonly [string, readonly Asked[], unknown, number])[] = [
    ["has the first revision", [first, { command: put("a", "2") }, first], null, 2],
    ["has it after nine minutes", [first, { ...first, time: 540_000 }], null, 2],
    ["has it up to the end", [first, { ...first, time: 1 + IDEMPOTENCY_WINDOW_MS }], null, 2],
    ["is another write afterwards", [first, { ...first, time: 1 + OVER }], null, 3],
    ["by another key is another write", [first, { ...first, key: "K" }], null, 3],
    ["without the key is another write", [first, { command: put("a", "1") }], null, 3],
    [
      "with another value is refused",
      [first, { ...first, command: put("a", "2") }],
      "idempotencyMismatch",
      2,
    ],
    [
      "of another kind is refused",
      [first, { ...first, command: revoke(1n) }],
      "idempotencyMismatch",
      2,
    ],
    [
      "of what was refused is applied",
      [
        { command: put("a", "1", asLeaseId(7n)), key: "k" },
        { command: grant(7n) },
        { command: put("a", "1", asLeaseId(7n)), key: "k" },
      ],
      null,
      2,
    ],
    [
      "of what was refused may be another request",
      [{ command: revoke(7n), key: "k" }, first],
      null,
      2,
    ],
    [
      "of a grant is the same, whichever id was picked for it",
      [
        { command: grant(7n), key: "k" },
        { command: grant(8n), key: "k" },
        { command: put("a", "1", asLeaseId(8n)) },
      ],
      "leaseNotFound",
      1,
    ],
    [
      "of a grant for another time is refused",
      [
        { command: grant(7n), key: "k" },
        { command: grant(7n, 61), key: "k" },
      ],
      "idempotencyMismatch",
      1,
    ],
    [
      "of a revocation has the first answer",
      [
        { command: grant(7n) },
        { command: revoke(7n), key: "k" },
        { command: revoke(7n), key: "k" },
      ],
      null,
      1,
    ],
    [
      "of a compaction has the first answer",
      [
        first,
        { command: { kind: "compact", revision: 2 }, key: "c" },
        { command: { kind: "compact", revision: 2 }, key: "c" },
      ],
      null,
      2,
    ],
  ];
  test.for(rows)("%s", ([, asked, error, revision], { expect }) => {
    expect(outcomes(...asked).at(-1)).toEqual({ error, revision });
  });

  test("gets what was there before, as the first did", ({ expect }) => {
    const log = new Log();
    log.add({ command: put("a", "0") });
    const asked = [first, { command: put("a", "2") }, first].map((one) => log.add(one));
    const machine = new KeyedMachine();
    machine.apply(...log.entries.slice(0, 2));
    const answers = asked.map((entry) => {
      machine.restart();
      return machine.apply(entry)[0]!;
    });
    expect(answers[2]).toMatchObject({ outcome: answers[0]!.outcome, revision: 3 });
  });

  test("of an answer beyond 64 kB is told its revision alone", ({ expect }) => {
    const large = "x".repeat(ANSWER_KEPT_BYTES_MAX);
    const repeated = outcomes(
      { command: put("a", large) },
      first,
      { command: put("b", "") },
      first,
    );
    expect(repeated.at(-1)).toEqual({ error: "answerForgotten", revision: 3 });
  });

  test("by the request id too has the first answer, and no second key", ({ expect }) => {
    const again = { ...first, request: 1 };
    expect(outcomes(again, again).map(({ revision }) => revision)).toEqual([2, 2]);
  });
});

describe("a key while auth is on", () => {
  const asked = { command: put("a", "1"), key: "k" };

  test("is of the user who brought it", ({ expect }) => {
    const all = outcomes(
      ...USERS,
      { ...asked, user: "ann" },
      { ...asked, user: "bob" },
      { ...asked, user: "ann" },
    );
    expect(all.slice(-3).map(({ revision }) => revision)).toEqual([2, 3, 2]);
  });

  test("may stand for another request of another user", ({ expect }) => {
    const other = { command: put("a", "2"), key: "k", user: "bob" };
    expect(outcomes(...USERS, { ...asked, user: "ann" }, other).at(-1)!.error).toBeNull();
  });

  test("repeats no answer to who may not ask any more", ({ expect }) => {
    const lost = auth({ op: "userRevokeRole", name: "ann", role: "root" });
    const all = outcomes(...USERS, { ...asked, user: "ann" }, lost, { ...asked, user: "ann" });
    expect(all.at(-1)!.error).toBe("permissionDenied");
  });
});

describe("the cluster version", () => {
  const asked = { command: put("a", "1"), key: "k" };
  const version = (to: number): Command => ({ kind: "version", version: to, cap: to });

  test("below that of keys has them refused, and nothing happens", ({ expect }) => {
    const [lowered, refused] = outcomes({ command: version(3) }, asked);
    expect(lowered!.error).toBeNull();
    expect(refused).toEqual({ error: "idempotencyUnknown", revision: 1 });
  });

  test("does not fall below it while a key is remembered", ({ expect }) => {
    const lower = (time: number): Asked => ({ command: version(3), time });
    const all = outcomes(asked, lower(1 + IDEMPOTENCY_WINDOW_MS), lower(1 + OVER));
    expect(all.slice(1).map(({ error }) => error)).toEqual(["stateNeedsVersion", null]);
  });

  test("of an entry with a key is not that of older code, which halts", ({ expect }) => {
    const { kind, data } = new Log().add(asked);
    expect(() => decodeProposal(kind, data, 3)).toThrow(InvariantError);
    expect(decodeProposal(kind, data, CODE_VERSION).keyed?.key).toBe("k");
  });
});

describe("a full memory", () => {
  /** Each of `count` puts by its own key, at once. */
  function filled(count: number, key: (n: number) => string, value: string): [KeyedMachine, Log] {
    const log = new Log();
    const machine = new KeyedMachine();
    machine.apply(...log.entries);
    let pending: ReturnType<Log["add"]>[] = [];
    log.add({ command: put("a", value) });
    pending.push(log.entries.at(-1)!);
    for (let n = 0; n < count; n++) {
      pending.push(log.add({ command: put("a", value), key: key(n) }));
      if (pending.length === 500 || n === count - 1) {
        machine.apply(...pending);
        pending = [];
      }
    }
    return [machine, log];
  }
  const answer = (machine: KeyedMachine, log: Log, asked: Asked): unknown => {
    const outcome = machine.apply(log.add(asked))[0]!.outcome!;
    return outcome.ok ? null : outcome.error;
  };

  test("of answers takes no new key, forgets none early, and takes more in time", ({ expect }) => {
    const value = "x".repeat(60_000);
    const count = Math.ceil(IDEMPOTENCY_BYTES_MAX / 60_000);
    const [machine, log] = filled(count, (n) => `k${n}`, value);
    for (const restarts of [false, true]) {
      if (restarts) machine.restart();
      expect(answer(machine, log, { command: put("a", "1"), key: "new" })).toBe("tooManyRequests");
      expect(answer(machine, log, { command: put("a", value), key: "k0" })).toBeNull();
      expect(answer(machine, log, { command: put("b", "1") })).toBeNull();
    }
    const door = machine.applier.keyed;
    expect(door.hasRoomFor({ user: null, key: "new" }, asClusterTime(2))).toBe(false);
    expect(door.hasRoomFor({ user: null, key: "k0" }, asClusterTime(2))).toBe(true);
    expect(door.hasRoomFor({ user: null, key: "new" }, asClusterTime(1 + OVER))).toBe(true);
    expect(answer(machine, log, { command: put("a", "1"), key: "new", time: 1 + OVER })).toBeNull();
  });

  test("of keys takes no new one", ({ expect }) => {
    const memory = new KeyedMemory(openNodeSql(), asClusterTime(1));
    const write = (n: number): KeyedWrite => ({
      index: asLogIndex(n + 1),
      time: asClusterTime(1 + n),
      revision: asRevision(1),
      user: "",
      key: `k${n}`,
      fingerprint: new Uint8Array(8),
      answer: new Uint8Array(1),
    });
    for (let n = 0; n < IDEMPOTENCY_KEYS_MAX; n++) memory.remember(write(n));
    const last = asClusterTime(IDEMPOTENCY_KEYS_MAX);
    expect([memory.isFull(last), memory.willBeFull(last)]).toEqual([true, true]);
    expect(memory.willBeFull(asClusterTime(1 + OVER))).toBe(false);
    memory.flush(last);
    expect(memory.isFull(last)).toBe(true);
    expect(memory.isFull(asClusterTime(1 + OVER))).toBe(false);
  });
});

test("a keyed write costs one row more than another, and forgotten ones none", ({ expect }) => {
  const log = new Log();
  const machine = new KeyedMachine();
  machine.apply(...log.entries);
  const changes = (): number => machine.sql.all<{ n: number }>("SELECT total_changes() AS n")[0]!.n;
  const rows = (...asked: Asked[]): number => {
    const before = changes();
    machine.apply(...asked.map((one) => log.add(one)));
    return changes() - before;
  };
  machine.apply(log.add({ command: put("a", "0"), key: "k0" }));
  const plain = rows({ command: put("a", "1") });
  expect(rows({ command: put("a", "2"), key: "k1" })).toBe(plain + 1);
  expect(rows({ command: put("a", "2"), key: "k1" })).toBe(1);
  // The row of what is forgotten is written again.
  expect(rows({ command: put("a", "3"), key: "k2", time: 1 + OVER })).toBe(plain + 1);
  const many = Array.from({ length: 64 }, (_, n) => ({ command: put("a", ""), key: `many${n}` }));
  const without = many.map(({ command }) => ({ command }));
  expect(rows(...many)).toBe(rows(...without) + 1);
  expect(machine.sql.all("SELECT * FROM keyed")).toHaveLength(2);
});

// Property: whatever comes in between, a key has one effect and one answer while it is remembered.

interface Step {
  readonly key: number;
  readonly body: number;
  readonly user: number;
  readonly waits: number;
  readonly event: "none" | "batch" | "restart" | "snapshot";
}

const step: fc.Arbitrary<Step> = fc.record({
  key: fc.nat(3),
  body: fc.nat(1),
  user: fc.nat(1),
  waits: fc.constantFrom(0, 0, 1, 200_000, IDEMPOTENCY_WINDOW_MS, OVER),
  event: fc.constantFrom("none", "none", "batch", "restart", "snapshot"),
});

/** What is to be answered, by the plainest rule that there is. */
class Model {
  readonly #known = new Map<string, { body: number; revision: number; time: number }>();
  #revision = 1;
  #time = 1;

  expected({ key, body, user, waits }: Step): {
    readonly error: unknown;
    readonly revision: number;
  } {
    this.#time += waits;
    const name = `${user} ${key}`;
    const known = this.#known.get(name);
    if (known !== undefined && this.#time - known.time <= IDEMPOTENCY_WINDOW_MS) {
      return known.body === body
        ? { error: null, revision: known.revision }
        : { error: "idempotencyMismatch", revision: this.#revision };
    }
    this.#known.set(name, { body, revision: ++this.#revision, time: this.#time });
    return { error: null, revision: this.#revision };
  }
}

test("each key has one effect and equal answers, through restarts, snapshots and any batches", ({
  expect,
}) => {
  const run = (steps: readonly Step[]): void => {
    const log = new Log();
    // Two users, known by name alone while auth is off.
    let time = 1;
    for (const { key, body, user, waits } of steps) {
      time += waits;
      log.add({ command: put(`a${body}`, "v"), key: `k${key}`, user: `u${user}`, time });
    }
    const model = new Model();
    const expected = steps.map((one) => model.expected(one));

    let machine = new KeyedMachine();
    const heard: unknown[] = [];
    let pending = log.entries.slice(0, 1);
    const flush = (): void => {
      if (pending.length === 0) return;
      heard.push(...machine.apply(...pending));
      pending = [];
    };
    for (const [n, { event }] of steps.entries()) {
      pending.push(log.entries[n + 1]!);
      if (event === "none") continue;
      flush();
      if (event === "restart") machine.restart();
      if (event === "snapshot") machine = machine.copy();
    }
    flush();
    const told = (heard as { outcome: { ok: boolean; error?: unknown }; revision: number }[])
      .slice(1)
      .map(({ outcome, revision }) => ({ error: outcome.ok ? null : outcome.error, revision }));
    expect(told).toEqual(expected);
    // Another replica, in one batch, holds the same.
    const other = new KeyedMachine();
    other.apply(...log.entries);
    expect(machine.unversioned()).toEqual(other.unversioned());
  };
  fc.assert(fc.property(fc.array(step, { minLength: 1, maxLength: 30 }), run), { numRuns: 150 });
});

test("an entry with a key reads as it was written, with whoever asks and without", ({ expect }) => {
  for (const user of [undefined, "ann"]) {
    const asked = { command: put("a", "1"), key: "k", ...(user === undefined ? {} : { user }) };
    const { kind, data } = new Log().add(asked);
    const { keyed, requester, command } = decodeProposal(kind, data, CODE_VERSION);
    expect({ key: keyed?.key, user: requester?.name, command }).toEqual({ user, ...asked });
  }
});
