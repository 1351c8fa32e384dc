// Auth on a cluster in virtual time: who is let in to do what, by the state that it is done on.

import { beforeEach, describe, test } from "vitest";
import { addUser, HASH } from "../auth/requests.ts";
import { get, put } from "../support/requests.ts";
import { VirtualCluster } from "../support/virtual-cluster.ts";
import {
  administer,
  beginWithAuth,
  FORBID,
  login,
  OFF,
  ON,
  outcome,
  request,
} from "./auth-cluster.ts";
import type { ClientRequest } from "../../src/api/replica.ts";
import type { Credentials } from "../../src/base/auth.ts";
import { EMPTY, encodeUtf8 } from "../../src/base/bytes.ts";
import type { TxnOp, TxnRequest } from "../../src/base/kv.ts";
import { asClusterId, asLeaseId, asMilliseconds } from "../../src/base/types.ts";

const key = encodeUtf8;

let cluster: VirtualCluster;

const as = (credentials: Credentials, asked: ClientRequest): string =>
  outcome(cluster.serve(asked, { credentials }));

describe("a cluster with auth", () => {
  let ann: Credentials;
  let root: Credentials;

  beforeEach(() => {
    cluster = beginWithAuth();
    ann = login(cluster, "ann");
    root = login(cluster, "root");
  });

  test("tells a snapshot file its users, and none of their tokens", ({ expect }) => {
    const opened = cluster.serve({ kind: "snapshot" }, { credentials: root });
    if (opened.kind !== "answered" || opened.answer.kind !== "snapshot") throw new Error("refused");
    const { name } = opened.answer.answer;
    const part = cluster.leader()!.core.downloads.part(name, EMPTY, asMilliseconds(cluster.now));
    const text = Buffer.from(part!.data).toString("latin1");
    expect(text).toContain(HASH);
    expect(text).not.toContain("abcdefghijklmnop.");
  });

  test("lets in who may, and refuses the others as etcd does", ({ expect }) => {
    expect(as(ann, put(key("a"), key("1")))).toBe("answered");
    expect(as(ann, get(key("b")))).toBe("answered");
    expect(as(root, get(key("z")))).toBe("answered");
    expect(as(ann, put(key("z"), key("1")))).toBe("permissionDenied");
    expect(as(ann, get(key("z")))).toBe("permissionDenied");
    expect(as({ kind: "none" }, get(key("a")))).toBe("userNameEmpty");
    expect(as({ kind: "none" }, put(key("a"), key("1")))).toBe("userNameEmpty");
    expect(as({ kind: "token", token: "abc.1" }, get(key("a")))).toBe("invalidAuthToken");
    expect(as({ kind: "token", token: "abc.1" }, put(key("a"), key("1")))).toBe("invalidAuthToken");
    expect(as({ kind: "token", token: "abc.1" }, request({ op: "status" }))).toBe("answered");
    expect(as(ann, put(EMPTY, EMPTY))).toBe("keyNotProvided");
  });

  test.for<[string, ClientRequest, string, string]>([
    ["granting a lease", { kind: "leaseGrant", id: asLeaseId(1n), ttlSeconds: 9 }, "answered", "a"],
    ["listing members", { kind: "memberList", linearizable: true }, "answered", "b"],
    ["listing them from here", { kind: "memberList", linearizable: false }, "answered", "b"],
    ["compacting", { kind: "compact", revision: 1, physical: false }, "permissionDenied", "c"],
    ["removing a member", { kind: "memberRemove", id: 99n as never }, "permissionDenied", "d"],
    ["moving the leader", { kind: "moveLeader", target: 99n as never }, "permissionDenied", "e"],
    ["capping the version", { kind: "capVersion", cap: 3 }, "permissionDenied", "f"],
    ["its own roles", request({ op: "userGet", name: "ann" }), "answered", "g"],
    ["another's roles", request({ op: "userGet", name: "root" }), "permissionDenied", "h"],
    ["its own role", request({ op: "roleGet", name: "r" }), "answered", "i"],
    ["another role", request({ op: "roleGet", name: "x" }), "permissionDenied", "j"],
    ["listing users", request({ op: "userList" }), "permissionDenied", "k"],
    ["adding a user", request(addUser("eve")), "permissionDenied", "l"],
    ["turning auth off", request(OFF), "permissionDenied", "m"],
    ["an unknown lease", { kind: "leaseKeepAlive", id: asLeaseId(7n) }, "answered", "n"],
  ])("a user who is not root, %s: %3$s", ([, asked, expected], { expect }) => {
    expect(as(ann, asked)).toBe(expected);
    expect(as({ kind: "none" }, asked)).toBe("userNameEmpty");
    expect(as(root, asked)).not.toMatch(/permissionDenied|userNameEmpty|invalidAuthToken/);
  });

  test("leases: whoever may not write their keys neither attaches, keeps nor revokes", ({
    expect,
  }) => {
    const id = asLeaseId(5n);
    const all: ClientRequest[] = [
      put(key("a"), key("1"), id),
      { kind: "leaseKeepAlive", id },
      { kind: "leaseTimeToLive", id, keys: true },
      { kind: "leaseLeases" },
    ];
    as(root, { kind: "leaseGrant", id, ttlSeconds: 60 });
    expect(all.map((each) => as(ann, each))).toEqual(all.map(() => "answered"));
    as(root, put(key("z"), key("1"), id));
    expect(all.map((each) => as(ann, each))).toEqual(all.map(() => "permissionDenied"));
    expect(as(ann, { kind: "leaseTimeToLive", id, keys: false })).toBe("answered");
    expect(as(ann, { kind: "leaseRevoke", id })).toBe("permissionDenied");
    expect(as(root, { kind: "leaseRevoke", id })).toBe("answered");
  });

  test("leases end by themselves all the same", ({ expect }) => {
    const id = asLeaseId(5n);
    as(root, { kind: "leaseGrant", id, ttlSeconds: 2 });
    as(ann, put(key("a"), key("1"), id));
    cluster.run(5_000);
    const answer = cluster.serve(get(key("a")), { credentials: ann });
    expect(answer).toMatchObject({ answer: { answer: { count: 0 } } });
  });

  test("a txn is checked in both branches, however deep, also a read-only one", ({ expect }) => {
    const txn = (success: readonly TxnOp[], failure: readonly TxnOp[] = []): ClientRequest => ({
      kind: "txn",
      request: { compare: [], success, failure },
    });
    const nested = (op: TxnOp): TxnOp => ({
      kind: "txn",
      request: { compare: [], success: [], failure: [op] } satisfies TxnRequest,
    });
    const read = (name: string): TxnOp => ({
      kind: "range",
      request: (get(key(name)) as Extract<ClientRequest, { kind: "range" }>).request,
    });
    expect(as(ann, txn([nested(nested(read("a")))]))).toBe("answered");
    expect(as(ann, txn([nested(nested(read("z")))]))).toBe("permissionDenied");
    expect(as(ann, txn([read("a")], [read("z")]))).toBe("permissionDenied");
    expect(as(ann, txn([read("a")], [read("b")]))).toBe("answered");
  });

  test("a right that an earlier entry takes away is gone when the write is applied", ({
    expect,
  }) => {
    const leader = cluster.leader()!;
    const taken = cluster.ask(leader, request(FORBID), { credentials: root });
    const late = cluster.ask(leader, put(key("a"), key("late")), { credentials: ann });
    const given = cluster.ask(leader, put(key("z"), key("1")), { credentials: root });
    cluster.runUntil(() => cluster.answers.has(given));
    const outcomes = [taken, late, given].map((id) => outcome(cluster.answers.get(id)));
    expect(outcomes).toEqual(["answered", "permissionDenied", "answered"]);
    cluster.run(1_000);
    expect(new Set(cluster.statuses().map(({ revision }) => revision)).size).toBe(1);
  });

  test("a read is checked on the state that it is served from", ({ expect }) => {
    const leader = cluster.leader()!;
    const taken = cluster.ask(leader, request(FORBID), { credentials: root });
    const late = cluster.ask(leader, get(key("a")), { credentials: ann });
    expect(cluster.answers.get(late)).toBeUndefined();
    cluster.runUntil(() => cluster.answers.has(late));
    expect(outcome(cluster.answers.get(taken))).toBe("answered");
    expect(outcome(cluster.answers.get(late))).toBe("permissionDenied");
  });

  test("a token that an earlier entry ends does not write", ({ expect }) => {
    const leader = cluster.leader()!;
    const change = { op: "userChangePassword", name: "ann", passwordHash: HASH } as const;
    cluster.ask(leader, request(change), { credentials: root });
    const late = cluster.ask(leader, put(key("a"), key("late")), { credentials: ann });
    cluster.runUntil(() => cluster.answers.has(late));
    expect(outcome(cluster.answers.get(late))).toBe("invalidAuthToken");
  });

  test("a write that was on its way when auth was turned on is nobody's", ({ expect }) => {
    administer(cluster, OFF, root);
    const leader = cluster.leader()!;
    cluster.ask(leader, request(ON));
    const late = cluster.ask(leader, put(key("a"), key("late")));
    cluster.runUntil(() => cluster.answers.has(late));
    expect(outcome(cluster.answers.get(late))).toBe("userNameEmpty");
    expect(as(root, get(key("a")))).toBe("invalidAuthToken");
  });

  test("a repeat of a write that was applied has its answer, whatever is permitted now", ({
    expect,
  }) => {
    const requestId = cluster.requestId();
    const first = cluster.serve(put(key("a"), key("1")), { requestId, credentials: ann });
    administer(cluster, FORBID, root);
    const second = cluster.serve(put(key("a"), key("1")), { requestId, credentials: ann });
    expect(second).toEqual(first);
    expect(as(ann, put(key("a"), key("1")))).toBe("permissionDenied");
  });

  test("a repeat of a request for a token has the same token", ({ expect }) => {
    const requestId = cluster.requestId();
    const letters = "ponmlkjihgfedcba";
    const asked = request({ op: "issueToken", name: "ann", authRevision: 7, letters });
    const first = cluster.serve(asked, { requestId });
    expect(first).toMatchObject({ answer: { answer: { op: "token" } } });
    expect(cluster.serve(asked, { requestId })).toEqual(first);
  });

  test("a refused write costs no entry", ({ expect }) => {
    const { commit } = cluster.leader()!.core.status();
    for (let n = 0; n < 5; n++) as(ann, put(key("z"), key("1")));
    as({ kind: "none" }, put(key("z"), key("1")));
    expect(cluster.leader()!.core.status().commit).toBe(commit);
  });

  test("a token of an earlier cluster of the same name is nobody's", ({ expect }) => {
    const { clusterId } = cluster.leader()!.core.directory;
    const rootOf = (id: bigint): Credentials => ({
      kind: "user",
      name: "root",
      authRevision: 99,
      clusterId: asClusterId(id),
    });
    expect(as(rootOf(clusterId), get(key("z")))).toBe("answered");
    for (const asked of [get(key("z")), put(key("z"), key("1")), request({ op: "userList" })]) {
      expect(as(rootOf(clusterId + 1n), asked)).toBe("invalidAuthToken");
    }
  });

  test("a token that says its revision is old once users or roles have changed", ({ expect }) => {
    const status = administer(cluster, { op: "status" });
    expect(status).toMatchObject({ answer: { answer: { authRevision: 7, enabled: true } } });
    const user = (name: string, authRevision: number): Credentials => ({
      kind: "user",
      name,
      authRevision,
    });
    expect(as(user("ann", 7), put(key("a"), key("1")))).toBe("answered");
    administer(cluster, addUser("bob"), user("root", 7));
    expect(as(user("ann", 7), put(key("a"), key("1")))).toBe("authRevisionOld");
    expect(as(user("ann", 7), get(key("a")))).toBe("authRevisionOld");
    expect(as(user("ann", 8), get(key("a")))).toBe("answered");
    expect(as(user("root", 7), request({ op: "userList" }))).toBe("answered");
    expect(as(user("nobody", 8), request({ op: "userList" }))).toBe("userNotFound");
    expect(as(ann, put(key("a"), key("1")))).toBe("answered");
    const leader = cluster.leader()!;
    cluster.ask(leader, request({ op: "roleAdd", name: "x" }), { credentials: root });
    const late = cluster.ask(leader, put(key("a"), key("2")), { credentials: user("ann", 8) });
    const follows = cluster.ask(leader, put(key("a"), key("3")), { credentials: ann });
    cluster.runUntil(() => cluster.answers.has(follows));
    expect(outcome(cluster.answers.get(late))).toBe("authRevisionOld");
    expect(outcome(cluster.answers.get(follows))).toBe("answered");
  });

  test("a token is issued only for the revision at which the password was compared", ({
    expect,
  }) => {
    administer(cluster, addUser("bob"), root);
    const stale = { op: "issueToken", name: "ann", authRevision: 7, letters: "x" } as const;
    expect(outcome(administer(cluster, stale))).toBe("authRevisionOld");
  });
});

describe("two versions", () => {
  test("auth waits until all members know it", ({ expect }) => {
    cluster = new VirtualCluster(3, { codeVersion: 2 });
    cluster.serve(put(key("a"), key("1")));
    cluster.run(1_000);
    cluster.restart(cluster.leader()!, 3);
    cluster.run(2_000);
    expect(outcome(administer(cluster, addUser("root")))).toBe("changeUnderWay");
    for (const node of cluster.nodes) cluster.restart(node, 3);
    cluster.serve(put(key("a"), key("2")));
    cluster.run(2_000);
    expect(outcome(administer(cluster, addUser("root")))).toBe("answered");
  });

  test("nothing that older code would not heed is left when it returns", ({ expect }) => {
    cluster = new VirtualCluster(3);
    cluster.serve(put(key("a"), key("1")));
    cluster.run(1_000);
    expect(outcome(cluster.serve({ kind: "capVersion", cap: 2 }))).toBe("answered");
    const { commit } = cluster.leader()!.core.status();
    expect(outcome(administer(cluster, addUser("root")))).toBe("changeUnderWay");
    // Nor is an entry, on which older code would halt.
    expect(cluster.leader()!.core.status().commit).toBe(commit);
    expect(outcome(cluster.serve({ kind: "capVersion", cap: null }))).toBe("answered");
    cluster.run(2_000);
    expect(outcome(administer(cluster, addUser("root")))).toBe("answered");
    expect(outcome(cluster.serve({ kind: "capVersion", cap: 2 }))).toBe("stateNeedsVersion");
    expect(outcome(cluster.serve({ kind: "capVersion", cap: 3 }))).toBe("answered");
  });

  test("a change of users that follows a cap in the log comes to nothing", ({ expect }) => {
    cluster = new VirtualCluster(3);
    cluster.serve(put(key("a"), key("1")));
    cluster.run(1_000);
    const leader = cluster.leader()!;
    cluster.ask(leader, { kind: "capVersion", cap: 2 });
    const late = cluster.ask(leader, request(addUser("root")));
    cluster.runUntil(() => cluster.answers.has(late));
    expect(outcome(cluster.answers.get(late))).toBe("changeUnderWay");
    cluster.run(1_000);
    expect(cluster.nodes.flatMap(({ sql }) => sql.all("SELECT * FROM auth"))).toEqual([]);
  });
});
