// Who may do what: each need, asked by nobody, by a user with few rights, by one whose token is of
// another time, and by root.

import * as fc from "fast-check";
import { describe, test } from "vitest";
import {
  KNOWN,
  needOfAccesses,
  needOfDeleteRange,
  needOfPut,
  needOfRange,
  needOfTxn,
  NOTHING,
  ROOT,
  type Need,
} from "../../src/auth/need.ts";
import {
  readAuthCommand,
  writeAuthCommand,
  type AuthCommand,
} from "../../src/auth/auth-command.ts";
import { refusalOf, type Requester } from "../../src/auth/permission.ts";
import { rangeOfKey } from "../../src/api/kv-json.ts";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import { Reader, Writer } from "../../src/base/codec.ts";
import type { Compare, PutRequest, TxnOp, TxnRequest } from "../../src/base/kv.ts";
import { asLeaseId, NO_LEASE, type Bytes, type LeaseId } from "../../src/base/types.ts";
import { addUser, AuthMachine, grant, HASH, permit, ROOT_USER } from "./requests.ts";

/** ann reads [a, c), and writes b and l1. */
const machine = new AuthMachine([
  ...ROOT_USER,
  addUser("ann"),
  { op: "roleAdd", name: "r" },
  permit("r", "read", "a", "c"),
  permit("r", "write", "b"),
  permit("r", "write", "l1"),
  grant("ann", "r"),
  { op: "enable" },
]);
const { state } = machine;

/** l1 hangs on lease 1; l1 and l2 on lease 2. */
const keysOfLease = (lease: LeaseId | null): Bytes[] =>
  (lease === 1n ? ["l1"] : lease === 3n ? [] : ["l1", "l2"]).map(encodeUtf8);
const token = (name: string): Requester => ({
  name,
  authRevision: state.revision,
  follows: true,
});
const claim = (name: string, authRevision: number): Requester => ({
  name,
  authRevision,
  follows: false,
});
const verdict = (need: Need, requester: Requester | null): string | null =>
  refusalOf(state, need, { requester, keysOfLease });

const key = encodeUtf8;
const put = (to: string, options: Partial<PutRequest> = {}): PutRequest => ({
  key: key(to),
  value: key("v"),
  lease: NO_LEASE,
  prevKv: false,
  ignoreValue: false,
  ignoreLease: false,
  ...options,
});
const range = (from: string, to = ""): ReturnType<typeof rangeOfKey> => ({
  ...rangeOfKey(key(from)),
  rangeEnd: key(to),
});
const remove = (from: string, to = "", prevKv = false): Need =>
  needOfDeleteRange({ key: key(from), rangeEnd: key(to), prevKv });
const compare = (from: string, to = ""): Compare => ({
  key: key(from),
  rangeEnd: key(to),
  result: "equal",
  target: "version",
  operand: 0,
});
const txn = (parts: Partial<TxnRequest>): TxnRequest => ({
  compare: [],
  success: [],
  failure: [],
  ...parts,
});
const nested = (op: TxnOp, depth: number): TxnOp =>
  depth === 0 ? op : nested({ kind: "txn", request: txn({ failure: [op] }) }, depth - 1);
const lease = (id: bigint): LeaseId => asLeaseId(id);

const MINE: Record<string, Need> = {
  nothing: NOTHING,
  "being known": KNOWN,
  "a key that it reads": needOfRange(range("b")),
  "a range that it reads": needOfRange(range("a", "c")),
  "an empty range in there": needOfRange(range("b", "a")),
  "a key that it writes": needOfPut(put("b")),
  "reading it back": needOfPut(put("b", { prevKv: true })),
  "a lease with its keys": needOfPut(put("b", { lease: lease(1n) })),
  "a lease without keys": needOfPut(put("b", { lease: lease(3n) })),
  "deleting it": remove("b", "", true),
  "an empty txn": needOfTxn(txn({})),
  "a txn of all that": needOfTxn(
    txn({
      compare: [compare("a", "c")],
      success: [nested({ kind: "put", request: put("b", { prevKv: true }) }, 3)],
      failure: [{ kind: "range", request: range("a") }, { kind: "empty" }],
    }),
  ),
  "revoking a lease with its keys": needOfAccesses({ right: "write", lease: lease(1n) }),
  itself: { kind: "user", name: "ann" },
  "its role": { kind: "role", name: "r" },
};

const DENIED: Record<string, Need> = {
  root: ROOT,
  "a key that it does not read": needOfRange(range("c")),
  "a range that ends further": needOfRange(range("a", "c\0")),
  "a range that begins before": needOfRange(range("Z", "c")),
  "a range without end": needOfRange(range("a", "\0")),
  "a key that it reads, to write": needOfPut(put("a")),
  "a key that it writes, to read": needOfRange(range("l1")),
  "previous versions of that": needOfPut(put("l1", { prevKv: true })),
  "a lease with others' keys": needOfPut(put("b", { lease: lease(2n) })),
  "deleting more than it writes": remove("b", "c"),
  "deleting to read": remove("l1", "", true),
  "a compare": needOfTxn(txn({ compare: [compare("c")] })),
  "a compare of a range": needOfTxn(txn({ compare: [compare("a", "\0")] })),
  "the branch taken": needOfTxn(txn({ success: [{ kind: "range", request: range("c") }] })),
  "the other branch": needOfTxn(txn({ failure: [{ kind: "put", request: put("a") }] })),
  "deep inside": needOfTxn(txn({ success: [nested({ kind: "put", request: put("a") }, 5)] })),
  "a deep lease": needOfTxn(
    txn({ failure: [nested({ kind: "put", request: put("b", { lease: lease(2n) }) }, 2)] }),
  ),
  "a deep previous version": needOfTxn(
    txn({ failure: [nested({ kind: "put", request: put("l1", { prevKv: true }) }, 2)] }),
  ),
  "revoking a lease with others' keys": needOfAccesses({ right: "write", lease: lease(2n) }),
  "keys of any lease": needOfAccesses({ right: "read", lease: null }),
  "another user": { kind: "user", name: "root" },
  "another role": { kind: "role", name: "root" },
};

describe("a user", () => {
  test.for(Object.entries(MINE))("may: %s", ([, need], { expect }) => {
    expect(verdict(need, token("ann"))).toBeNull();
    expect(verdict(need, claim("ann", state.revision))).toBeNull();
  });

  test.for(Object.entries(DENIED))("may not: %s", ([, need], { expect }) => {
    expect(verdict(need, token("ann"))).toBe("permissionDenied");
    expect(verdict(need, claim("ann", state.revision))).toBe("permissionDenied");
  });
});

describe.for(Object.entries({ ...MINE, ...DENIED }))("%s", ([, need]) => {
  test("is root's", ({ expect }) => {
    expect(verdict(need, token("root"))).toBeNull();
  });

  test("is nobody's, unless it is everybody's", ({ expect }) => {
    expect(verdict(need, null)).toBe(need.kind === "nothing" ? null : "userNameEmpty");
  });

  test("is anybody's while auth is off", ({ expect }) => {
    const off = new AuthMachine(ROOT_USER).state;
    expect(refusalOf(off, need, { requester: null, keysOfLease })).toBeNull();
  });
});

describe("a token that says its revision", () => {
  test.for(Object.entries({ ...MINE, ...DENIED }))("of before: %s", ([name, need], { expect }) => {
    const asksForKeys =
      need.kind === "accesses" && need.accesses.length > 0 && name !== "being known";
    const expected = asksForKeys ? "authRevisionOld" : verdict(need, token("ann"));
    expect(verdict(need, claim("ann", state.revision - 1))).toBe(expected);
  });

  test("is old for root as well where keys are asked for, but not to administer", ({ expect }) => {
    expect(verdict(needOfRange(range("a")), claim("root", 1))).toBe("authRevisionOld");
    expect(verdict(ROOT, claim("root", 1))).toBeNull();
    expect(verdict(DENIED["keys of any lease"]!, claim("root", 1))).toBeNull();
  });

  test.for<[string, Need, string]>([
    ["root's", ROOT, "userNotFound"],
    ["a key", needOfRange(range("a")), "permissionDenied"],
    ["being known", KNOWN, "permissionDenied"],
    [
      "keys of a lease without any",
      needOfAccesses({ right: "write", lease: lease(3n) }),
      "permissionDenied",
    ],
  ])("of nobody is refused: %s", ([, need, refusal], { expect }) => {
    expect(verdict(need, claim("bob", state.revision))).toBe(refusal);
  });
});

describe("a simple token that was found valid before", () => {
  test.for<[string, readonly Parameters<AuthMachine["ask"]>[0][], string | null]>([
    ["another role is added", [{ op: "roleAdd", name: "x" }], null],
    [
      "its right is taken away",
      [{ op: "roleRevokePermission", name: "r", key: key("a"), rangeEnd: key("") }],
      "permissionDenied",
    ],
    ["its role is deleted", [{ op: "roleDelete", name: "r" }], "permissionDenied"],
    [
      "its password is changed",
      [{ op: "userChangePassword", name: "ann", passwordHash: HASH }],
      "invalidAuthToken",
    ],
    ["it is deleted", [{ op: "userDelete", name: "ann" }], "invalidAuthToken"],
    [
      "another takes its name",
      [{ op: "userDelete", name: "ann" }, addUser("ann"), grant("ann", "r")],
      "invalidAuthToken",
    ],
  ])("after %s: %3$s", ([, changes, refusal], { expect }) => {
    const after = new AuthMachine([
      ...ROOT_USER,
      addUser("ann"),
      { op: "roleAdd", name: "r" },
      permit("r", "read", "a"),
      grant("ann", "r"),
      { op: "enable" },
    ]);
    const requester = { name: "ann", authRevision: after.state.revision, follows: true };
    const may = (): string | null =>
      refusalOf(after.state, needOfRange(range("a")), { requester, keysOfLease });
    expect(may()).toBeNull();
    for (const change of changes) expect(after.ask(change)).toMatchObject({ ok: true });
    expect(may()).toBe(refusal);
  });
});

describe("a command's bytes", () => {
  const name = fc.string({ unit: "binary" });
  const bytes = fc.uint8Array({ maxLength: 4 }).map((array) => new Uint8Array(array));
  const passwordHash = fc.option(fc.constant(HASH));
  const op = <Op extends AuthCommand["op"]>(value: Op): fc.Arbitrary<Op> => fc.constant(value);
  const type = fc.constantFrom("read", "write", "readwrite" as const);
  const command: fc.Arbitrary<AuthCommand> = fc.oneof(
    fc.record({ op: fc.constantFrom("enable", "disable" as const) }),
    fc.record({
      op: fc.constantFrom("userAdd", "userChangePassword" as const),
      name,
      passwordHash,
    }),
    fc.record({ op: fc.constantFrom("userDelete", "roleAdd", "roleDelete" as const), name }),
    fc.record({
      op: fc.constantFrom("userGrantRole", "userRevokeRole" as const),
      name,
      role: name,
    }),
    fc.record({
      op: op("roleGrantPermission"),
      name,
      permission: fc.record({ type, key: bytes, rangeEnd: bytes }),
    }),
    fc.record({ op: op("roleRevokePermission"), name, key: bytes, rangeEnd: bytes }),
    fc.record({ op: op("issueToken"), name, authRevision: fc.nat(), letters: name }),
    fc.record({ op: op("extendTokens"), tokens: fc.array(name) }),
  );

  test("read back as they were written", ({ expect }) => {
    fc.assert(
      fc.property(command, (given) => {
        const writer = new Writer();
        writeAuthCommand(writer, given);
        const reader = new Reader(writer.finish());
        expect(readAuthCommand(reader)).toEqual(given);
        reader.end();
      }),
    );
  });
});
