// Replica cores as a cluster, in virtual time: what a client is told, and when.

import { beforeEach, describe, test } from "vitest";
import type { ClientRequest, ReplicaAnswer } from "../../src/api/replica.ts";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import { asLeaseId, type LeaseId } from "../../src/base/types.ts";
import { get, put } from "../support/requests.ts";
import { VirtualCluster } from "../support/virtual-cluster.ts";

const key = encodeUtf8;
const lease = asLeaseId(7n);

let cluster: VirtualCluster;

beforeEach(() => {
  cluster = new VirtualCluster(3);
});

const putWithLease = (name: string, id: LeaseId): ClientRequest => put(key(name), key("value"), id);

/** The values that a range answer holds. */
function valuesOf(answer: ReplicaAnswer): string[] {
  if (answer.kind !== "answered" || answer.answer.kind !== "range") return [answer.kind];
  return answer.answer.answer.kvs.map(({ value }) => new TextDecoder().decode(value));
}

const keepAlive = (): number | string => {
  const answer = cluster.serve({ kind: "leaseKeepAlive", id: lease });
  if (answer.kind !== "answered" || answer.answer.kind !== "leaseKeepAlive") return answer.kind;
  return answer.answer.answer.ttlSeconds;
};

describe("writing", () => {
  test("a put is answered with the revision that it made", ({ expect }) => {
    const answer = cluster.serve(put(key("a"), key("1")));
    expect(answer).toMatchObject({ kind: "answered", header: { revision: 2 } });
    expect(valuesOf(cluster.serve(get(key("a"))))).toEqual(["1"]);
  });

  test("every replica applies it, and to the same history", ({ expect }) => {
    cluster.serve(put(key("a"), key("1")));
    cluster.serve(put(key("b"), key("2")));
    cluster.run(300);
    expect(cluster.statuses().map(({ revision }) => revision)).toEqual([3, 3, 3]);
  });

  test("puts that arrive while a batch is made durable form one batch", ({ expect }) => {
    cluster.serve(put(key("a"), key("1")));
    const leader = cluster.leader()!;
    const before = leader.sql.all("SELECT * FROM log_1").length;
    const ids = Array.from({ length: 50 }, (_, n) =>
      cluster.ask(leader, put(key(`k${n}`), key("v"))),
    );
    cluster.runUntil(() => ids.every((id) => cluster.answers.has(id)));
    expect(leader.sql.all("SELECT * FROM log_1").length - before).toBe(2);
    const revisions = ids.map((id) => {
      const answer = cluster.answers.get(id)!;
      return answer.kind === "answered" ? answer.header.revision : 0;
    });
    expect(revisions).toEqual(Array.from({ length: 50 }, (_, n) => n + 3));
  });

  test("a follower redirects to the leader", ({ expect }) => {
    cluster.serve(put(key("a"), key("1")));
    const leader = cluster.leader()!;
    const follower = cluster.nodes.find((node) => node !== leader)!;
    const id = cluster.ask(follower, put(key("a"), key("2")));
    expect(cluster.answers.get(id)).toMatchObject({ kind: "redirect", leader: leader.id });
  });

  test("a refused put changes nothing", ({ expect }) => {
    const answer = cluster.serve(putWithLease("a", lease));
    expect(answer).toMatchObject({ kind: "refused", refusal: "leaseNotFound" });
    expect(cluster.leader()!.core.status().revision).toBe(1);
  });

  test("without a majority a write is not answered but by its timeout", ({ expect }) => {
    cluster.serve(put(key("a"), key("1")));
    const leader = cluster.leader()!;
    for (const node of cluster.nodes) node.isCut = node !== leader;
    const id = cluster.ask(leader, put(key("a"), key("2")), { timeoutMs: 700 });
    cluster.run(2_000);
    expect(cluster.answers.get(id)).toEqual({ kind: "timeout" });
  });
});

describe("a repeated request", () => {
  test("gets the first answer and changes nothing", ({ expect }) => {
    const requestId = cluster.requestId();
    const first = cluster.serve(put(key("a"), key("1")), { requestId });
    cluster.serve(put(key("a"), key("2")));
    expect(cluster.serve(put(key("a"), key("1")), { requestId })).toEqual(first);
    expect(valuesOf(cluster.serve(get(key("a"))))).toEqual(["2"]);
  });

  test("is recognised by the next leader too, and after a restart", ({ expect }) => {
    const requestId = cluster.requestId();
    const first = cluster.serve(put(key("a"), key("1")), { requestId });
    cluster.run(300);
    const old = cluster.leader()!;
    old.isCut = true;
    cluster.runUntil(() => cluster.leader() !== null && cluster.leader() !== old);
    for (const node of cluster.nodes) if (!node.isCut) cluster.restart(node);
    const again = cluster.serve(put(key("a"), key("1")), { requestId });
    expect(again).toMatchObject({ kind: "answered", header: { revision: 2 } });
    expect(first.kind).toBe(again.kind);
  });

  test("is taken for a new one after the window of 60 s", ({ expect }) => {
    const requestId = cluster.requestId();
    cluster.serve(put(key("a"), key("1")), { requestId });
    cluster.run(61_000);
    const again = cluster.serve(put(key("a"), key("1")), { requestId });
    expect(again).toMatchObject({ header: { revision: 3 } });
  });
});

describe("losing the leader", () => {
  test("a leader that restarts goes on in the same term", ({ expect }) => {
    cluster.serve(put(key("a"), key("1")));
    const leader = cluster.leader()!;
    const { term } = leader.core.status();
    cluster.restart(leader);
    expect(valuesOf(cluster.serve(get(key("a"))))).toEqual(["1"]);
    expect(cluster.leader()!.core.status()).toMatchObject({ role: "leader", term });
    expect(cluster.leader()).toBe(leader);
  });

  test("a leader that is cut off is replaced, and what it acknowledged is there", ({ expect }) => {
    cluster.serve(put(key("a"), key("1")));
    const old = cluster.leader()!;
    old.isCut = true;
    expect(cluster.runUntil(() => (cluster.leader() ?? old) !== old, 5_000)).toBe(true);
    expect(valuesOf(cluster.serve(get(key("a"))))).toEqual(["1"]);
  });

  test("a write of the deposed leader that was overwritten is told to have failed", ({
    expect,
  }) => {
    cluster.serve(put(key("a"), key("1")));
    const old = cluster.leader()!;
    old.isCut = true;
    const id = cluster.ask(old, put(key("a"), key("lost")), { timeoutMs: 60_000 });
    cluster.runUntil(() => (cluster.leader() ?? old) !== old);
    cluster.serve(put(key("a"), key("2")));
    old.isCut = false;
    cluster.run(3_000);
    expect(cluster.answers.get(id)).toEqual({ kind: "overwritten" });
    expect(valuesOf(cluster.serve(get(key("a"))))).toEqual(["2"]);
  });
});

describe("leases", () => {
  const grant = (ttlSeconds: number): void => {
    cluster.serve({ kind: "leaseGrant", id: lease, ttlSeconds });
    cluster.serve(putWithLease("p", lease));
  };

  test("a lease that is not kept alive ends after its TTL, with its keys, in one revision", ({
    expect,
  }) => {
    grant(5);
    cluster.serve(putWithLease("q", lease));
    cluster.run(4_500);
    expect(valuesOf(cluster.serve(get(key("p"))))).toEqual(["value"]);
    cluster.run(1_000);
    expect(valuesOf(cluster.serve(get(key("p"))))).toEqual([]);
    expect(cluster.leader()!.core.status().revision).toBe(4);
  });

  test("kept alive every third of its TTL it lives on", ({ expect }) => {
    grant(6);
    for (let n = 0; n < 20; n++) {
      cluster.run(2_000);
      expect(keepAlive()).toBe(6);
    }
    expect(valuesOf(cluster.serve(get(key("p"))))).toEqual(["value"]);
  });

  test("most keepalives write nothing to the log", ({ expect }) => {
    grant(60);
    const before = cluster.leader()!.core.status().applied;
    for (let n = 0; n < 10; n++) {
      cluster.run(20_000);
      keepAlive();
    }
    expect(cluster.leader()!.core.status().applied - before).toBeLessThanOrEqual(6);
  });

  test("it outlives a change of leader by its promise, and by three quarters of a TTL at most", ({
    expect,
  }) => {
    grant(10);
    cluster.run(4_000);
    expect(keepAlive()).toBe(10);
    const promisedUntil = cluster.now + 10_000;
    const old = cluster.leader()!;
    old.isCut = true;
    cluster.runUntil(() => (cluster.leader() ?? old) !== old);
    cluster.run(promisedUntil - cluster.now - 100);
    expect(valuesOf(cluster.serve(get(key("p"))))).toEqual(["value"]);
    cluster.run(9_000);
    expect(valuesOf(cluster.serve(get(key("p"))))).toEqual([]);
  });

  test("it ends in time although its leader restarts again and again", ({ expect }) => {
    grant(4);
    for (let n = 0; n < 3; n++) {
      cluster.run(1_800);
      cluster.restart(cluster.leader()!);
    }
    cluster.run(1_000);
    expect(valuesOf(cluster.serve(get(key("p"))))).toEqual([]);
  });

  test("a keepalive in the last moment keeps it, though its extension is gathered", ({
    expect,
  }) => {
    grant(10);
    cluster.run(9_500);
    expect(keepAlive()).toBe(10);
    expect(valuesOf(cluster.serve(get(key("p"))))).toEqual(["value"]);
  });

  test("time-to-live never shows more than was granted, not even after a restart", ({ expect }) => {
    grant(10);
    cluster.restart(cluster.leader()!);
    const answer = cluster.serve({ kind: "leaseTimeToLive", id: lease, keys: false });
    expect(answer).toMatchObject({ answer: { answer: { ttlSeconds: 10 } } });
  });

  test("a revoked lease is gone for keepalives and for time-to-live", ({ expect }) => {
    grant(60);
    cluster.serve({ kind: "leaseRevoke", id: lease });
    expect(keepAlive()).toBe(0);
    const answer = cluster.serve({ kind: "leaseTimeToLive", id: lease, keys: true });
    expect(answer).toMatchObject({ answer: { answer: { ttlSeconds: -1, keys: [] } } });
  });

  test("revoking a lease that does not exist is refused", ({ expect }) => {
    const answer = cluster.serve({ kind: "leaseRevoke", id: lease });
    expect(answer).toMatchObject({ kind: "refused", refusal: "leaseNotFound" });
  });

  test("time-to-live tells the seconds left and the keys", ({ expect }) => {
    grant(60);
    cluster.run(10_000);
    const answer = cluster.serve({ kind: "leaseTimeToLive", id: lease, keys: true });
    expect(answer).toMatchObject({
      answer: { answer: { ttlSeconds: 49, grantedTtlSeconds: 60, keys: [key("p")] } },
    });
  });
});

describe("a damaged row", () => {
  const tables = [
    { table: "log_1", column: "body" },
    { table: "rev_1", column: "requests" },
    { table: "lease_page", column: "body" },
  ];
  test.for(tables)(
    "of $table halts the replica: it never guesses",
    ({ table, column }, { expect }) => {
      cluster.serve({ kind: "leaseGrant", id: lease, ttlSeconds: 60 });
      cluster.serve(put(key("a"), key("1")));
      const node = cluster.leader()!;
      const rows = node.sql.all<{ bytes: Uint8Array<ArrayBuffer> }>(
        `SELECT ${column} AS bytes FROM ${table} WHERE length(${column}) > 0`,
      );
      const bytes = rows.at(-1)!.bytes.slice();
      bytes[bytes.length >> 1]! ^= 1;
      node.sql.run(`UPDATE ${table} SET ${column} = ? WHERE length(${column}) > 0`, bytes);
      expect(() => {
        cluster.restart(node);
        cluster.serve(put(key("a"), key("2")));
      }).toThrow(/checksum|holds what its count says/u);
    },
  );
});

describe("compaction", () => {
  test("a physical one is answered when the old versions are deleted", ({ expect }) => {
    // Too large to stand in the history beside what replaces it.
    for (let n = 0; n < 1_200; n++) cluster.serve(put(key("a"), key("v".repeat(5_000))));
    cluster.run(200);
    expect(cluster.leader()!.sql.all("SELECT key FROM old")).toHaveLength(1_199);
    const answer = cluster.serve({ kind: "compact", revision: 1_201, physical: true });
    expect(answer).toMatchObject({ kind: "answered", answer: { kind: "compact" } });
    expect(cluster.leader()!.sql.all("SELECT key FROM old")).toEqual([]);
  });

  test("a repeat of a physical one is answered, though nothing is left to sweep", ({ expect }) => {
    cluster.serve(put(key("a"), key("1")));
    const requestId = cluster.requestId();
    const compact: ClientRequest = { kind: "compact", revision: 2, physical: true };
    cluster.serve(compact, { requestId });
    expect(cluster.serve(compact, { requestId })).toMatchObject({ kind: "answered" });
  });

  test("a revision that does not exist yet is refused", ({ expect }) => {
    const answer = cluster.serve({ kind: "compact", revision: 100, physical: false });
    expect(answer).toMatchObject({ kind: "refused", refusal: "futureRevision" });
  });
});
