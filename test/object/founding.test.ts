// A cluster that is rebuilt from one replica: what the copy holds, and what becomes of it once it
// leads a cluster of its own.

import { beforeEach, describe, test } from "vitest";
import type { ClientRequest, ReplicaAnswer } from "../../src/api/replica.ts";
import { encodeProposal, NO_REQUEST } from "../../src/apply/command.ts";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import {
  asClusterId,
  asClusterTime,
  asIncarnation,
  asLeaseId,
  asLogIndex,
  asMemberId,
  asMilliseconds,
  asTerm,
  nextIndex,
} from "../../src/base/types.ts";
import {
  copyPart,
  copyPosition,
  copyTail,
  type CopySource,
} from "../../src/object/database-copy.ts";
import { foundFrom } from "../../src/object/founding.ts";
import { SqlLog } from "../../src/raft/sql-log.ts";
import { ReplicaCore } from "../../src/replica/core.ts";
import { beginWithAuth, login } from "../replica/auth-cluster.ts";
import { insertMeta, openNodeSql, type NodeSql } from "../support/node-sql.ts";
import { get, put } from "../support/requests.ts";
import { VirtualCluster } from "../support/virtual-cluster.ts";

const key = encodeUtf8;
const BUMP = 1_000;
const FOUNDER = asMemberId(77n);
const NOW = asMilliseconds(50_000_000);

let cluster: VirtualCluster;

beforeEach(() => {
  cluster = new VirtualCluster(3);
  cluster.serve(put(key("a"), key("1")));
  cluster.serve(put(key("a"), key("2")));
  cluster.serve(put(key("gone"), key("1")));
  cluster.serve({
    kind: "deleteRange",
    request: { key: key("gone"), rangeEnd: key(""), prevKv: false },
  });
  cluster.run(100);
});

const follower = () => cluster.nodes.find((node) => node !== cluster.leader())!;

const sourceOf = (sql: NodeSql): CopySource => ({
  copyPosition: async () => copyPosition(sql),
  copyPart: async (cursor) => copyPart(sql, cursor),
  copyTail: async (first) => copyTail(sql, first),
});

/** A database for the copy, as the birth of a replica leaves it. */
function openCopy(): NodeSql {
  const sql = openNodeSql();
  insertMeta(sql);
  return sql;
}

/** The only replica of the rebuilt cluster. */
class Founder {
  readonly core: ReplicaCore;
  #now = NOW;

  constructor(sql: NodeSql) {
    const member = { id: FOUNDER, region: "x", generation: 2 };
    this.core = new ReplicaCore({
      identity: {
        memberId: FOUNDER,
        directory: { clusterId: asClusterId(5n), members: [member] },
        configuration: { voters: [FOUNDER], outgoing: [], learners: [] },
      },
      sql,
      incarnation: asIncarnation(1),
      seed: 1,
      now: NOW,
    });
    while (this.core.status().role !== "leader") this.#pass();
  }

  #pass(): void {
    this.#now = asMilliseconds(this.#now + 10);
    this.core.tick(this.#now);
    if (this.core.takeEffects().awaitsDurable) this.core.durable(this.#now);
  }

  serve(
    request: ClientRequest,
    requestId = crypto.getRandomValues(new Uint8Array(16)),
  ): ReplicaAnswer {
    this.core.calls([[1, { request, requestId, trace: "", timeoutMs: 5_000 }]], this.#now);
    for (;;) {
      const effects = this.core.takeEffects();
      const [answer] = effects.answers;
      if (answer !== undefined) return answer.answer;
      if (effects.awaitsDurable) this.core.durable(this.#now);
      this.#now = asMilliseconds(this.#now + 10);
      this.core.tick(this.#now);
    }
  }

  /** The value of a key, null when there is none, or what the answer was instead. */
  valueOf(name: string, revision = 0): string | null {
    const read = get(key(name));
    if (read.kind !== "range") return read.kind;
    const answer = this.serve({ ...read, request: { ...read.request, revision } });
    if (answer.kind === "refused") return answer.refusal;
    if (answer.kind !== "answered" || answer.answer.kind !== "range") return answer.kind;
    const [kv] = answer.answer.answer.kvs;
    return kv === undefined ? null : new TextDecoder().decode(kv.value);
  }
}

const found = (sql: NodeSql, source: CopySource): Promise<number> =>
  foundFrom(sql, source, { bumpBy: BUMP, now: NOW });

describe("a replica founded from another", () => {
  test("holds its keys, and goes on revisions later", async ({ expect }) => {
    const sql = openCopy();
    expect(await found(sql, sourceOf(follower().sql))).toBe(5 + BUMP);
    const founder = new Founder(sql);
    expect([founder.valueOf("a"), founder.valueOf("gone")]).toEqual(["2", null]);
    expect(founder.serve(put(key("b"), key("1")))).toMatchObject({
      kind: "answered",
      header: { revision: 6 + BUMP, clusterId: 5n, memberId: FOUNDER },
    });
  });

  test("tells who asks for what was before the leap that it was compacted", async ({ expect }) => {
    const sql = openCopy();
    await found(sql, sourceOf(follower().sql));
    const founder = new Founder(sql);
    expect(founder.valueOf("a", 3)).toBe("compacted");
    expect(founder.valueOf("a", 4 + BUMP)).toBe("compacted");
    expect(founder.valueOf("a", 5 + BUMP)).toBe("2");
  });

  test("keeps a write that was acknowledged and that the other had only in its log", async ({
    expect,
  }) => {
    const call = cluster.ask(cluster.leader()!, put(key("a"), key("acknowledged")));
    cluster.run(2);
    expect(cluster.answers.get(call)).toMatchObject({ kind: "answered" });
    const { sql: survivor } = follower();
    const position = copyPosition(survivor);
    expect(position.last).toBe(nextIndex(position.applied));
    const sql = openCopy();
    await found(sql, sourceOf(survivor));
    expect(new Founder(sql).valueOf("a")).toBe("acknowledged");
  });

  test("takes no change of the lost cluster's members from that log", async ({ expect }) => {
    const { sql: survivor, id } = follower();
    const position = copyPosition(survivor);
    const configuration = { voters: [id], outgoing: [], learners: [] };
    const command = { kind: "membership", configuration, members: [], removed: [] } as const;
    const change = {
      index: nextIndex(position.last),
      term: position.lastTerm,
      ...encodeProposal({ command, time: asClusterTime(0), requestId: NO_REQUEST, trace: "" }),
    };
    const sql = openCopy();
    await found(sql, {
      ...sourceOf(survivor),
      copyTail: async (first) => (first === change.index ? [change] : []),
    });
    const founder = new Founder(sql);
    expect(founder.valueOf("a")).toBe("2");
    expect(founder.core.status()).toMatchObject({ role: "leader", memberId: FOUNDER });
  });

  test("keeps a lease with the time that it had left", async ({ expect }) => {
    const id = asLeaseId(9n);
    cluster.serve({ kind: "leaseGrant", id, ttlSeconds: 60 });
    cluster.serve(put(key("leased"), key("1"), id));
    cluster.run(100);
    const sql = openCopy();
    await found(sql, sourceOf(follower().sql));
    const founder = new Founder(sql);
    const answer = founder.serve({ kind: "leaseTimeToLive", id, keys: true });
    if (answer.kind !== "answered" || answer.answer.kind !== "leaseTimeToLive") throw new Error();
    expect(answer.answer.answer.ttlSeconds).toBeGreaterThan(50);
    expect(answer.answer.answer.keys).toHaveLength(1);
  });

  test("keeps the cluster's version and its cap, and none of its members", async ({ expect }) => {
    cluster.run(500);
    cluster.serve({ kind: "capVersion", cap: 2 });
    const survivor = follower();
    const removed = cluster.nodes.find((node) => node !== survivor && node !== cluster.leader())!;
    cluster.serve({ kind: "memberRemove", id: removed.id });
    cluster.run(100);
    const sql = openCopy();
    await found(sql, sourceOf(survivor.sql));
    const facts = "SELECT cluster_version, version_cap, membership FROM meta";
    expect(sql.all(facts)).toEqual([{ cluster_version: 2, version_cap: 2, membership: null }]);
    const { core } = new Founder(sql);
    expect(core.directory.members.map(({ id }) => id)).toEqual([FOUNDER]);
  });

  test("knows a write again that was made in the lost cluster", async ({ expect }) => {
    const requestId = cluster.requestId();
    cluster.serve(put(key("a"), key("3")), { requestId });
    cluster.run(100);
    const sql = openCopy();
    await found(sql, sourceOf(follower().sql));
    const founder = new Founder(sql);
    const repeated = founder.serve(put(key("a"), key("4")), requestId);
    expect(repeated).toMatchObject({ kind: "answered", header: { revision: 6 } });
    expect(founder.valueOf("a")).toBe("3");
  });

  test("holds what stands in the log of one that never applied anything", async ({ expect }) => {
    const entries = copyTail(follower().sql, asLogIndex(1));
    const survivor = openCopy();
    new SqlLog(survivor).append(entries);
    const sql = openCopy();
    await found(sql, sourceOf(survivor));
    expect(new Founder(sql).valueOf("a")).toBe("2");
  });

  test("knows the users of the other, and no token of theirs", async ({ expect }) => {
    cluster = beginWithAuth();
    login(cluster, "ann");
    cluster.run(100);
    const { sql: survivor } = follower();
    const sql = openCopy();
    await found(sql, sourceOf(survivor));
    const count =
      "SELECT (SELECT count(*) FROM auth_user) AS users, (SELECT count(*) FROM auth_token) AS tokens";
    expect(survivor.all(count)).toEqual([{ users: 2, tokens: 1 }]);
    expect(sql.all(count)).toEqual([{ users: 2, tokens: 0 }]);
  });

  test("leads a term above all that the other has heard of", async ({ expect }) => {
    const sql = openCopy();
    const { sql: survivor, core } = follower();
    survivor.run("UPDATE meta SET term = 41");
    await found(sql, sourceOf(survivor));
    expect(new Founder(sql).core.status().term).toBeGreaterThan(asTerm(41));
    expect(core.status().term).toBeLessThan(41);
  });
});

describe("the copy", () => {
  test("is refused when the other moves meanwhile", async ({ expect }) => {
    const { sql: survivor } = follower();
    const source = sourceOf(survivor);
    let isMoved = false;
    const moving: CopySource = {
      ...source,
      copyPart: async (cursor) => {
        if (!isMoved) cluster.serve(put(key("late"), key("1")));
        isMoved = true;
        return source.copyPart(cursor);
      },
    };
    await expect(found(openCopy(), moving)).rejects.toThrow("has moved");
  });

  test("goes in parts, and loses nothing between them", async ({ expect }) => {
    for (let n = 0; n < 40; n++) {
      cluster.serve(put(key(`big/${n}`), new Uint8Array(300_000).fill(n)));
    }
    cluster.run(100);
    const { sql: survivor } = follower();
    const source = sourceOf(survivor);
    let parts = 0;
    const sql = openCopy();
    await found(sql, {
      ...source,
      copyPart: async (cursor) => {
        parts++;
        return source.copyPart(cursor);
      },
    });
    const count = "SELECT count(*) AS n, sum(length(value)) AS bytes FROM now";
    expect(sql.all(count)).toEqual(survivor.all(count));
    expect(parts).toBeGreaterThan(8);
  });
});
