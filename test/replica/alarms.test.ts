// Alarms and the quota on whole cores: what is refused while one is active, on whom, and that every
// replica agrees, whoever leads, restarts, or learns of it by snapshot.

import { describe, test, vi } from "vitest";
import type { ClientRequest } from "../../src/api/replica.ts";
import type { Alarm, AlarmKind } from "../../src/base/alarm.ts";
import { EMPTY, encodeUtf8 } from "../../src/base/bytes.ts";
import { DEFAULT_LIMITS, type ClusterLimits } from "../../src/base/cluster-limits.ts";
import {
  asLeaseId,
  asMemberId,
  asRevision,
  type Bytes,
  type MemberId,
} from "../../src/base/types.ts";
import { get, put } from "../support/requests.ts";
import { VirtualCluster } from "../support/virtual-cluster.ts";

vi.mock("../../src/base/limits.ts", async (original) => ({
  ...(await original<typeof import("../../src/base/limits.ts")>()),
  LOG_ENTRIES_KEPT_FULL: 4,
}));

const key = encodeUtf8;
const write = put(key("a"), key("1"));
const grant = { kind: "leaseGrant", id: asLeaseId(5n), ttlSeconds: 600 } as const;
const remove: ClientRequest = {
  kind: "deleteRange",
  request: { key: key("k"), rangeEnd: key("l"), prevKv: false },
};
const txn = (...success: readonly ClientRequest[]): ClientRequest => ({
  kind: "txn",
  request: {
    compare: [],
    success: success.map((each) => {
      if (each.kind === "put" || each.kind === "deleteRange" || each.kind === "range") {
        return { kind: each.kind, request: each.request } as never;
      }
      throw new Error("no operation");
    }),
    failure: [],
  },
});

const alarm = (
  action: "get" | "activate" | "deactivate",
  kind: AlarmKind | null = "noSpace",
  member: MemberId = asMemberId(7n),
): ClientRequest => ({ kind: "alarm", action, member, alarm: kind });

const limits = (changed: Partial<ClusterLimits>): ClientRequest => ({
  kind: "setLimits",
  limits: { ...DEFAULT_LIMITS, ...changed },
});

function outcome(cluster: VirtualCluster, request: ClientRequest): string {
  const answer = cluster.serve(request);
  if (answer.kind === "refused") return answer.refusal;
  return answer.kind;
}

function alarms(cluster: VirtualCluster, request = alarm("get", null)): readonly Alarm[] {
  const answer = cluster.serve(request);
  if (answer.kind !== "answered" || answer.answer.kind !== "alarm") throw new Error(answer.kind);
  return answer.answer.alarms;
}

function settled(): VirtualCluster {
  const cluster = new VirtualCluster(3);
  cluster.serve(write);
  cluster.run(300);
  return cluster;
}

describe("asking for alarms, as etcd answers", () => {
  const seven = { member: asMemberId(7n), alarm: "noSpace" } as const;
  const nobody = { member: asMemberId(0n), alarm: "noSpace" } as const;

  test("raising and lowering tell what they touched; listing looks at the kind alone", ({
    expect,
  }) => {
    const cluster = settled();
    expect(alarms(cluster)).toEqual([]);
    expect(alarms(cluster, alarm("activate", null))).toEqual([]);
    expect(alarms(cluster, alarm("activate", "noSpace", nobody.member))).toEqual([nobody]);
    expect(alarms(cluster, alarm("activate", "noSpace", nobody.member))).toEqual([nobody]);
    expect(alarms(cluster, alarm("activate"))).toEqual([seven]);
    expect(alarms(cluster)).toEqual([nobody, seven]);
    expect(alarms(cluster, alarm("get", "noSpace", asMemberId(9n)))).toEqual([nobody, seven]);
    expect(alarms(cluster, alarm("get", "corrupt"))).toEqual([]);
    expect(alarms(cluster, alarm("deactivate", null))).toEqual([]);
    expect(alarms(cluster, alarm("deactivate", "corrupt"))).toEqual([]);
    expect(alarms(cluster, alarm("deactivate", "noSpace", nobody.member))).toEqual([nobody]);
    expect(alarms(cluster, alarm("deactivate"))).toEqual([seven]);
    expect(alarms(cluster, alarm("deactivate"))).toEqual([]);
    expect(alarms(cluster)).toEqual([]);
  });

  test("each replica's status tells them, without a leader too", ({ expect }) => {
    const cluster = settled();
    cluster.serve(alarm("activate"));
    cluster.run(200);
    for (const { alarms: active } of cluster.statuses()) expect(active).toEqual([seven]);
    const [first, ...others] = cluster.nodes;
    for (const other of others) other.isCut = true;
    cluster.run(5_000);
    const id = cluster.ask(first!, { kind: "status" });
    expect(cluster.answers.get(id)).toMatchObject({
      kind: "answered",
      answer: { kind: "status", answer: { leader: null, alarms: [seven] } },
    });
  });
});

describe("while an alarm is active", () => {
  const read = get(key("a"));
  const compact = { kind: "compact", revision: 2, physical: false } as const;
  const revoke = { kind: "leaseRevoke", id: grant.id } as const;
  const cases: readonly [string, ClientRequest, string, string][] = [
    ["a read", read, "answered", "answered"],
    ["a put", write, "noSpace", "corrupt"],
    ["a txn that puts", txn(read, write), "noSpace", "corrupt"],
    ["a txn that deletes", txn(remove), "answered", "corrupt"],
    ["a txn that reads", txn(read), "answered", "answered"],
    ["a deletion", remove, "answered", "corrupt"],
    ["a compaction", compact, "answered", "corrupt"],
    ["a grant", { ...grant, id: asLeaseId(6n) }, "noSpace", "corrupt"],
    ["a revocation", revoke, "answered", "corrupt"],
    ["limits", limits({}), "answered", "answered"],
  ];

  for (const kind of ["noSpace", "corrupt"] as const) {
    test.for(cases)(`${kind}: %s`, ([, request, noSpace, corrupt], { expect }) => {
      const cluster = settled();
      cluster.serve(grant);
      cluster.serve(alarm("activate", kind));
      expect(outcome(cluster, request)).toBe(kind === "noSpace" ? noSpace : corrupt);
    });
  }

  test("entries that were on their way are refused by every replica alike", ({ expect }) => {
    const cluster = settled();
    const leader = cluster.leader()!;
    cluster.ask(leader, alarm("activate"));
    const late = cluster.ask(leader, write);
    cluster.run(300);
    expect(cluster.answers.get(late)).toMatchObject({ kind: "refused", refusal: "noSpace" });
    expect(cluster.statuses().map(({ revision }) => revision)).toEqual([2, 2, 2]);
  });

  test("a repeat of what was applied before is answered as it was then", ({ expect }) => {
    const cluster = settled();
    const requestId = cluster.requestId();
    cluster.serve(write, { requestId });
    cluster.serve(alarm("activate"));
    const again = cluster.serve(write, { requestId });
    expect(again).toMatchObject({ kind: "answered", header: { revision: 3 } });
  });

  test("corrupt: leases that end are kept, and end once the alarm is lowered", ({ expect }) => {
    const cluster = settled();
    cluster.serve({ ...grant, ttlSeconds: 2 });
    cluster.serve(put(key("a"), key("2"), grant.id));
    cluster.serve(alarm("activate", "corrupt"));
    const before = cluster.statuses().map(({ revision }) => revision);
    const { commit } = cluster.leader()!.core.status();
    cluster.run(20_000);
    cluster.serve(get(key("a")));
    cluster.run(500);
    expect(cluster.leader()!.core.status().commit).toBe(commit);
    expect(cluster.statuses().map(({ revision }) => revision)).toEqual(before);
    cluster.serve(alarm("deactivate", "corrupt"));
    cluster.run(2_000);
    expect(cluster.statuses().map(({ revision }) => revision)).toEqual(before.map((at) => at + 1));
  });
});

describe("alarms and limits outlive", () => {
  const told = (cluster: VirtualCluster): string[] =>
    cluster.nodes.map(({ sql }) =>
      JSON.stringify([
        sql.all("SELECT member, alarm, automatic FROM alarm"),
        sql.all<{ limits: Bytes }>("SELECT limits FROM meta").map(({ limits: row }) => [...row]),
      ]),
    );

  function marked(): VirtualCluster {
    const cluster = settled();
    cluster.serve(alarm("activate"));
    cluster.serve(limits({ leases: 3, autoCompaction: { mode: "revision", retention: 9 } }));
    cluster.run(300);
    return cluster;
  }

  test("a change of leader, and restarts", ({ expect }) => {
    const cluster = marked();
    const old = cluster.leader()!;
    old.isCut = true;
    cluster.runUntil(() => cluster.leader() !== null);
    expect(cluster.leader()).not.toBe(old);
    expect(outcome(cluster, write)).toBe("noSpace");
    old.isCut = false;
    for (const node of cluster.nodes) cluster.restart(node);
    expect(outcome(cluster, write)).toBe("noSpace");
    expect(cluster.serve({ kind: "limits" })).toMatchObject({
      answer: { limits: { leases: 3, autoCompaction: { mode: "revision", retention: 9 } } },
    });
    expect(new Set(told(cluster)).size).toBe(1);
  });
});

describe("the quota", () => {
  const QUOTA = 24_000_000;
  const large = new Uint8Array(200_000);
  const fill = (n: number): ClientRequest => put(key(`k${n}`), large);

  /** Writes until that is refused; returns how many were not. */
  function fillUp(cluster: VirtualCluster): number {
    for (let n = 0; n < 400; n++) if (outcome(cluster, fill(n)) === "noSpace") return n;
    throw new Error("there was room for everything");
  }

  function full(): VirtualCluster {
    const cluster = settled();
    cluster.serve(limits({ quotaBytes: QUOTA }));
    fillUp(cluster);
    return cluster;
  }

  const inUse = ({ sql }: VirtualCluster["nodes"][number]): number => sql.size().inUse;

  test("raises the leader's alarm once the next write would be over it", ({ expect }) => {
    const cluster = full();
    const leader = cluster.leader()!;
    expect(inUse(leader)).toBeGreaterThan(QUOTA - large.length - 256);
    // A version stands in the log and the history as well, of which its cost tells nothing.
    expect(inUse(leader)).toBeLessThan(QUOTA + 4 * large.length);
    expect(alarms(cluster)).toEqual([{ member: leader.id, alarm: "noSpace" }]);
    expect(outcome(cluster, write)).toBe("noSpace");
    expect(outcome(cluster, get(key("a")))).toBe("answered");
  });

  test("the alarm stands when the one that met it is told", ({ expect }) => {
    const cluster = settled();
    cluster.serve(limits({ quotaBytes: 1 }));
    const leader = cluster.leader()!;
    const calls = [write, write, grant].map((request) => cluster.ask(leader, request));
    expect(calls.map((id) => cluster.answers.has(id))).toEqual([false, false, false]);
    cluster.run(300);
    for (const id of calls) {
      expect(cluster.answers.get(id)).toMatchObject({ kind: "refused", refusal: "noSpace" });
    }
    expect(leader.core.status().alarms).toHaveLength(1);
  });

  test("deleting and compacting make room, and the alarm goes by itself", ({ expect }) => {
    const cluster = full();
    expect(outcome(cluster, remove)).toBe("answered");
    const { revision } = cluster.leader()!.core.status();
    expect(outcome(cluster, { kind: "compact", revision, physical: true })).toBe("answered");
    cluster.run(70_000);
    expect(cluster.leader()!.core.status().alarms).toEqual([]);
    expect(outcome(cluster, write)).toBe("answered");
  });

  test("history that could not go with the sweep goes a minute later, the log before", ({
    expect,
  }) => {
    const cluster = settled();
    cluster.serve(limits({ quotaBytes: QUOTA }));
    let revision = 2;
    while (outcome(cluster, fill(1)) === "answered") {
      revision++;
      if (revision % 10 === 0) cluster.serve({ kind: "compact", revision, physical: true });
    }
    const leader = cluster.leader()!;
    const segments = (kind: string): number =>
      leader.sql.all("SELECT number FROM segment WHERE kind = ?", kind).length;
    expect(segments("log")).toBeLessThanOrEqual(2);
    expect(segments("rev")).toBeGreaterThan(2);
    cluster.serve(limits({ quotaBytes: QUOTA / 3 }));
    expect(outcome(cluster, fill(1))).toBe("noSpace");
    cluster.run(5_000);
    expect(leader.core.status().alarms).toHaveLength(1);
    cluster.run(70_000);
    expect(segments("rev")).toBeLessThanOrEqual(2);
  });

  test("a higher quota makes room as well, at once", ({ expect }) => {
    const cluster = full();
    cluster.serve(limits({ quotaBytes: 10 * QUOTA }));
    cluster.run(300);
    expect(alarms(cluster)).toEqual([]);
    expect(outcome(cluster, write)).toBe("answered");
  });

  test("whoever leads next lowers it; what a person has raised stays", ({ expect }) => {
    const cluster = full();
    const old = cluster.leader()!;
    cluster.serve(alarm("activate"));
    old.isCut = true;
    cluster.runUntil(() => cluster.leader() !== null);
    cluster.serve(limits({ quotaBytes: 10 * QUOTA }));
    cluster.run(300);
    expect(alarms(cluster)).toEqual([{ member: asMemberId(7n), alarm: "noSpace" }]);
    expect(outcome(cluster, write)).toBe("noSpace");
  });

  test("one that a person wants as well stays until a person lowers it", ({ expect }) => {
    const cluster = full();
    const { id } = cluster.leader()!;
    cluster.serve(alarm("activate", "noSpace", id));
    cluster.serve(limits({ quotaBytes: 10 * QUOTA }));
    cluster.run(300);
    expect(alarms(cluster)).toEqual([{ member: id, alarm: "noSpace" }]);
    cluster.serve(alarm("deactivate", "noSpace", id));
    expect(outcome(cluster, write)).toBe("answered");
  });

  test("an alarm that is lowered by hand while there is no room is raised again", ({ expect }) => {
    const cluster = full();
    const { id } = cluster.leader()!;
    expect(alarms(cluster, alarm("deactivate", "noSpace", id))).toHaveLength(1);
    expect(outcome(cluster, fill(1))).toBe("noSpace");
    expect(alarms(cluster)).toHaveLength(1);
  });

  test("one that is lowered by hand at once answers those who have met it", ({ expect }) => {
    const cluster = settled();
    cluster.serve(limits({ quotaBytes: 1 }));
    const leader = cluster.leader()!;
    // Both gather behind the batch that is not durable yet, and are applied together.
    cluster.ask(leader, remove);
    const met = cluster.ask(leader, write);
    cluster.ask(leader, alarm("deactivate", "noSpace", leader.id));
    cluster.run(300);
    expect(leader.core.status().alarms).toEqual([]);
    expect(cluster.answers.get(met)).toMatchObject({ kind: "refused", refusal: "noSpace" });
    expect(outcome(cluster, write)).toBe("noSpace");
    expect(leader.core.status().alarms).toHaveLength(1);
  });

  test("deletions go on however full it is", ({ expect }) => {
    const cluster = settled();
    cluster.serve(put(key("k"), EMPTY));
    cluster.serve(limits({ quotaBytes: 1 }));
    expect(outcome(cluster, write)).toBe("noSpace");
    expect(cluster.serve(remove)).toMatchObject({ answer: { answer: { deleted: 1 } } });
    expect(cluster.leader()!.core.status().revision).toBe(asRevision(4));
  });

  test("keeps the version at which it is heeded", ({ expect }) => {
    const cluster = settled();
    cluster.serve(limits({ quotaBytes: 1 }));
    expect(outcome(cluster, { kind: "capVersion", cap: 2 })).toBe("stateNeedsVersion");
    expect(outcome(cluster, write)).toBe("noSpace");
  });
});
