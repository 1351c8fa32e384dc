// Simple tokens on a cluster in virtual time: neither a change of leader, a restart nor a snapshot ends
// one, and one that is used does not end.

import { beforeEach, describe, test, vi } from "vitest";
import { get, put } from "../support/requests.ts";
import type { VirtualCluster } from "../support/virtual-cluster.ts";
import { beginWithAuth, login, outcome } from "./auth-cluster.ts";
import type { ClientRequest } from "../../src/api/replica.ts";
import type { Credentials } from "../../src/base/auth.ts";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import { TOKEN_TTL_MS } from "../../src/base/auth-limits.ts";

// Logs are trimmed early, and snapshots have many parts.
vi.mock("../../src/base/limits.ts", async (original) => ({
  ...(await original<typeof import("../../src/base/limits.ts")>()),
  SEGMENT_BYTES: 400,
  LOG_ENTRIES_KEPT: 4,
  SNAPSHOT_PART_BYTES: 200,
}));

const key = encodeUtf8;

let cluster: VirtualCluster;

const as = (credentials: Credentials, asked: ClientRequest): string =>
  outcome(cluster.serve(asked, { credentials }));

const follower = (): VirtualCluster["nodes"][number] =>
  cluster.nodes.find((node) => node !== cluster.leader())!;

describe("a token", () => {
  let ann: Credentials;
  beforeEach(() => {
    cluster = beginWithAuth();
    ann = login(cluster, "ann");
  });

  test("outlives a change of leader", ({ expect }) => {
    const before = cluster.leader()!;
    before.isCut = true;
    expect(cluster.runUntil(() => cluster.leader() !== null)).toBe(true);
    expect(cluster.leader()).not.toBe(before);
    expect(as(ann, put(key("a"), key("1")))).toBe("answered");
  });

  test("outlives the restart of all", ({ expect }) => {
    for (const node of cluster.nodes) cluster.restart(node);
    expect(as(ann, put(key("a"), key("1")))).toBe("answered");
  });

  test("holds for 300 s after each use, and ends within 360", ({ expect }) => {
    for (let n = 0; n < 8; n++) {
      cluster.run(TOKEN_TTL_MS - 10_000);
      expect(as(ann, get(key("a")))).toBe("answered");
      cluster.run(1_000);
    }
    // Not in the memory of the leader that saw the use: another one knows it.
    const other = follower();
    cluster.serve(
      { kind: "moveLeader", target: other.id },
      { credentials: login(cluster, "root") },
    );
    expect(cluster.runUntil(() => cluster.leader() === other)).toBe(true);
    cluster.run(TOKEN_TTL_MS - 20_000);
    expect(as(ann, get(key("a")))).toBe("answered");
    cluster.run(TOKEN_TTL_MS + 65_000);
    expect(as(ann, get(key("a")))).toBe("invalidAuthToken");
    expect(as(ann, put(key("a"), key("1")))).toBe("invalidAuthToken");
  });

  test("that has ended stays so, however often it is tried", ({ expect }) => {
    cluster.run(TOKEN_TTL_MS + 65_000);
    const { commit } = cluster.leader()!.core.status();
    for (let n = 0; n < 3; n++) {
      expect(as(ann, get(key("a")))).toBe("invalidAuthToken");
      cluster.run(5_000);
    }
    expect(cluster.leader()!.core.status().commit).toBe(commit);
  });

  test("in steady use costs an entry twice a minute at most", ({ expect }) => {
    cluster.run(60_000);
    as(ann, get(key("a")));
    cluster.run(1_000);
    const { commit } = cluster.leader()!.core.status();
    for (let n = 0; n < 240; n++) {
      as(ann, get(key("a")));
      cluster.run(500);
    }
    expect(cluster.leader()!.core.status().commit - commit).toBeLessThanOrEqual(4);
    expect(cluster.leader()!.core.status().commit - commit).toBeGreaterThanOrEqual(3);
  });

  test("that a follower has not heard of yet is asked of the leader", ({ expect }) => {
    const behind = follower();
    cluster.run(150);
    behind.isCut = true;
    const late = login(cluster, "ann");
    const ask = (credentials: Credentials): string => {
      const range = { ...get(key("a")), serializable: true } as ClientRequest;
      const id = cluster.ask(behind, range, { credentials });
      return outcome(cluster.answers.get(id));
    };
    expect(ask(ann)).toBe("answered");
    expect(ask(late)).toBe("redirect");
    expect(ask({ kind: "none" })).toBe("redirect");
    behind.isCut = false;
    cluster.run(3_000);
    expect(ask(late)).toBe("answered");
  });

  test("that has to be extended is asked of the leader", ({ expect }) => {
    const range = { ...get(key("a")), serializable: true } as ClientRequest;
    const ask = (): string => {
      const id = cluster.ask(follower(), range, { credentials: ann });
      return outcome(cluster.answers.get(id));
    };
    cluster.run(150);
    expect(ask()).toBe("answered");
    cluster.run(61_000);
    expect(ask()).toBe("redirect");
    as(ann, range);
    cluster.run(1_000);
    expect(ask()).toBe("answered");
  });

  test("travels in a snapshot, and so do users and roles", ({ expect }) => {
    const behind = follower();
    behind.isCut = true;
    const late = login(cluster, "ann");
    const root = login(cluster, "root");
    const leader = cluster.leader()!;
    for (let n = 0; n < 60; n++) as(late, put(key("b"), key(`value ${n}`)));
    behind.isCut = false;
    cluster.run(10_000);
    const tables = ["auth", "auth_user", "auth_role", "auth_token"];
    const rows = (node: typeof leader): unknown[] =>
      tables.map((table) => node.sql.all(`SELECT * FROM ${table}`));
    expect(rows(behind)).toEqual(rows(leader));
    expect(behind.incarnation).toBeGreaterThan(1);
    cluster.serve({ kind: "moveLeader", target: behind.id }, { credentials: root });
    cluster.runUntil(() => cluster.leader() === behind);
    expect(as(late, put(key("a"), key("2")))).toBe("answered");
    expect(as(late, put(key("z"), key("2")))).toBe("permissionDenied");
  });
});
