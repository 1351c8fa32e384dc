// Owns planted bugs of what stands on consensus: applying, remembered requests, leases, watches,
// compaction, and the wiring of a replica.

import { NO_FAULTS } from "../faults.ts";
import type { Mutant } from "./mutant.ts";
import { READS } from "./leader-mutants.ts";

const APPLIER = "src/apply/applier.ts";
const HUB = "src/watch/hub.ts";
const LESSOR = "src/lease/lessor.ts";

/** Leases, and little else to do; objects lose their memory as they do in a sleep, and nothing else. */
const IDLE_LEASES: NonNullable<Mutant["run"]> = {
  members: 3,
  faults: { ...NO_FAULTS, evictEveryMs: 1_000 },
  load: { kvClients: 1, everyMs: 4_000, leaseClients: 2, watchers: 0 },
};

/** Replicas that lag are asked for what is current. */
const FAR_READS: NonNullable<Mutant["run"]> = {
  faults: { ...NO_FAULTS, lateRate: 0.3, lossRate: 0.1 },
  load: { kvClients: 5, everyMs: 10, leaseClients: 0, watchers: 0 },
  off: new Set(["get", "cas", "delete", "range", "serializable", "past", "compact"]),
};

export const STORE_MUTANTS: readonly Mutant[] = [
  {
    name: "applied index stored apart from its entries",
    models: "the consistent index is stored with the next batch (etcd #13766)",
    patches: [
      {
        file: "src/mvcc/segments.ts",
        find: "    for (const row of rows) {\n      this.#sql.run(\n        `INSERT INTO",
        replace:
          "    for (const late of this.late ?? []) late();\n    this.late = [];\n    for (const row of rows) {\n      this.late.push(() => this.#sql.run(\n        `INSERT INTO",
      },
      {
        file: "src/mvcc/segments.ts",
        find: "        row.events,\n        row.replaced,\n      );",
        replace: "        row.events,\n        row.replaced,\n      ));",
      },
    ],
    seeds: 20,
  },
  {
    name: "entry applied twice after a restart",
    models: "a replica that restarts begins one entry too early",
    patches: [
      {
        file: "src/raft/log.ts",
        find: "    this.#delivered = applied;",
        replace: "    this.#delivered = Math.max(applied - 1, 0);",
      },
      {
        file: APPLIER,
        find: 'assert(first.index === this.#store.appliedIndex + 1, "entries are applied in order, each once");',
        replace: "",
      },
      {
        file: "src/mvcc/store.ts",
        find: 'assert(batch.index > this.#appliedIndex, "each entry is applied once, in order");',
        replace: "",
      },
    ],
    seeds: 50,
  },
  {
    name: "duplicated proposal",
    models: "a proposal that is repeated after a timeout takes effect twice",
    patches: [
      {
        file: APPLIER,
        find: "const remembered = this.#window().find(requestId);\n    if (remembered === null ||",
        replace: "const remembered = null;\n    if (remembered === null ||",
      },
    ],
    seeds: 100,
  },
  {
    name: "dedup table lost at a restart",
    models: "the idempotency record is lost at failover",
    patches: [
      {
        file: APPLIER,
        find: "      window.remember(id, request);",
        replace: "",
      },
    ],
    seeds: 200,
  },
  {
    name: "dedup table expired by a local clock",
    models: "replicas disagree on what is a repeat",
    patches: [
      {
        file: APPLIER,
        find: "      window.remember(id, { revision, time, place });",
        replace: "      window.remember(id, { revision, time, place, wall: this.#store.wall });",
      },
      {
        file: APPLIER,
        find: "if (remembered === null || !this.#isRecent(remembered.time)) return null;",
        replace:
          "if (remembered === null || this.#store.wall - (remembered.wall ?? 0) > 300) return null;",
      },
    ],
    seeds: 200,
  },
  {
    name: "another's entry answers the call",
    models: "a proposal is taken for committed because its index is",
    patches: [
      {
        file: "src/replica/service.ts",
        find: "if (placed.term !== term)",
        replace: "if (outcome === null)",
      },
    ],
    seeds: 300,
  },
  {
    name: "leader reads from memory",
    models: "a leader takes its leadership for granted",
    patches: [
      {
        file: "src/replica/service.ts",
        find: "else if (isRead(call.request)) this.#startRead(id, call, now);",
        replace: "else if (isRead(call.request)) this.#answerRead(id, now);",
      },
    ],
    seeds: 200,
    run: READS,
  },
  {
    name: "read answered before its index is applied",
    models: "a follower that lags answers as soon as its leader has told it an index",
    patches: [
      {
        file: "src/replica/reads.ts",
        find: "this.#confirmed.filter((read) => read.index <= applied);",
        replace: "this.#confirmed;",
      },
      {
        file: "src/replica/reads.ts",
        find: "this.#confirmed = this.#confirmed.filter((read) => read.index > applied);",
        replace: "this.#confirmed = [];",
      },
    ],
    seeds: 100,
    run: FAR_READS,
  },
  {
    name: "new leader knows no deadlines",
    models: "lease deadlines are lost with the leadership",
    patches: [
      {
        file: LESSOR,
        find: "    for (const lease of this.#table.all()) this.#deadlines.set(lease.id, lease.horizon);",
        replace: "",
      },
    ],
    seeds: 50,
  },
  {
    name: "lease deadline lost on hibernation",
    models: "deadlines live in memory, and whoever wakes sets none for the leases that it finds",
    patches: [
      {
        file: LESSOR,
        find: "    this.#table = table;",
        replace:
          "    this.#table = table;\n    this.found = new Set(table.all().map(({ id }) => id));",
      },
      {
        file: LESSOR,
        find: "for (const lease of this.#table.all()) this.#deadlines",
        replace:
          "for (const lease of this.#table.all()) if (!this.found.has(lease.id)) this.#deadlines",
      },
    ],
    seeds: 50,
    run: IDLE_LEASES,
  },
  {
    name: "new leader ends leases at once",
    models: "horizons are not regarded after a change of leader",
    patches: [
      {
        file: LESSOR,
        find: "this.#deadlines.set(lease.id, lease.horizon);\n  }\n\n  /** Ends leading",
        replace: "this.#deadlines.set(lease.id, 0);\n  }\n\n  /** Ends leading",
      },
    ],
    seeds: 50,
  },
  {
    name: "keepalive promised beyond the horizon",
    models: "an extension is promised and not written",
    patches: [
      {
        file: LESSOR,
        find: 'if (now + lease.ttlSeconds * 1_000 > lease.horizon) return { kind: "extend" };',
        replace: "",
      },
    ],
    seeds: 50,
  },
  {
    name: "expiry without a look at the horizon",
    models: "a lease is revoked although an extension came first (etcd #15247)",
    patches: [
      {
        file: APPLIER,
        find: "if (this.#leases.get(id)?.horizon === horizon && this.#revoke(id, batch)) this.leasesExpired++;",
        replace: "if (this.#leases.get(id) !== null) this.#revoke(id, batch);",
      },
    ],
    seeds: 500,
  },
  {
    name: "lease revived by a restart",
    models: "a removed lease stays in its page",
    patches: [
      {
        file: "src/lease/lease-table.ts",
        find: "    this.#mark(id);\n    this.#leases.delete(id);",
        replace: "    this.#leases.delete(id);",
      },
    ],
    seeds: 50,
  },
  {
    name: "extension not stored",
    models: "a horizon moves in memory only",
    patches: [
      {
        file: "src/lease/lease-table.ts",
        find: "      held.lease = { ...held.lease, horizon };\n      this.#mark(id);",
        replace: "      held.lease = { ...held.lease, horizon };",
      },
    ],
    seeds: 100,
  },
  {
    name: "a clock set back counts as time",
    models: "cluster time runs by differences, whatever their sign",
    patches: [
      {
        file: "src/lease/cluster-clock.ts",
        find: "Math.min(Math.max(now - this.#sampledAt, 0), CLOCK_STEP_MS_MAX)",
        replace: "Math.min(Math.abs(now - this.#sampledAt), CLOCK_STEP_MS_MAX)",
      },
      {
        file: "src/raft/timing.ts",
        find: "if (steady < this.#now) this.#offset += this.#now - steady;\n    else this.#now",
        replace: "this.#now",
      },
    ],
    seeds: 300,
    run: { faults: { clockStepEveryMs: 2_000 } },
  },
  {
    name: "keys outlive their lease",
    models: "a lease is removed, and what is attached to it is not",
    patches: [
      {
        file: APPLIER,
        find: "    this.#store.deleteKeysOfLease(id);",
        replace: "",
      },
    ],
    seeds: 50,
  },
  {
    name: "watch resumed at +2",
    models: "a revision is skipped after a sleep",
    patches: [
      {
        file: HUB,
        find: "createWatcher({ ...watcher, next: nextRevision(acknowledged) })",
        replace: "createWatcher({ ...watcher, next: nextRevision(nextRevision(acknowledged)) })",
      },
    ],
    seeds: 200,
  },
  {
    name: "watch begins one revision late",
    models: "the start revision is taken for the last one seen",
    patches: [
      {
        file: HUB,
        find: "spec.startRevision > 0 ? asRevision(spec.startRevision)",
        replace: "spec.startRevision > 0 ? asRevision(spec.startRevision + 1)",
      },
    ],
    seeds: 50,
  },
  {
    name: "bookmark ahead of events",
    models: "progress is reported while events are still to come (etcd #15220)",
    patches: [
      {
        file: HUB,
        find: "    if (!watchers.every((watcher) => watcher.synced && watcher.next <= present + 1)) return;",
        replace: "",
      },
    ],
    seeds: 200,
    isSmall: true,
  },
  {
    name: "watch event dropped between history and live",
    models: "the first revision after catching up is taken for one that was sent",
    patches: [
      {
        file: HUB,
        find: "if (item.revision < watcher.next) continue;",
        replace:
          "if (item.revision <= watcher.next && watcher.sent === 0 && watcher.inFlight === 0) continue;",
      },
    ],
    seeds: 50,
  },
  {
    name: "synced after the first slice",
    models: "a watcher counts as up to date before its history is read to the end",
    patches: [
      {
        file: HUB,
        find: "watcher.synced = slice.next > present;",
        replace: "watcher.synced = true;",
      },
    ],
    seeds: 100,
    isSmall: true,
  },
  {
    name: "events lost when credit ends",
    models: "a starved stream loses what it could not send (etcd #17529)",
    patches: [
      {
        file: HUB,
        find: "{ next: revision, sent: index, synced: false }",
        replace: "{ next: revision, sent: index + 1, synced: false }",
      },
    ],
    seeds: 100,
    isSmall: true,
  },
  {
    name: "watch at the compaction revision refused",
    models: "the event at the compaction revision is dropped (etcd #18089)",
    patches: [
      {
        file: HUB,
        find: "if (watcher.next < compacted) {",
        replace: "if (watcher.next <= compacted) {",
      },
    ],
    seeds: 300,
  },
  {
    name: "compaction deletes a version too many",
    models: "a version that the compacted revision still shows is swept",
    patches: [
      {
        file: "src/mvcc/compaction.ts",
        find: "${end} AND until <= ?`,",
        replace: "${end} AND until <= ? + 1`,",
      },
    ],
    seeds: 300,
  },
  {
    name: "compaction drops history still watched",
    models: "the segment that holds the compaction revision is dropped",
    patches: [
      {
        file: "src/mvcc/compaction.ts",
        find: "if (last.revision >= target || last.time >= time - REQUEST_WINDOW_MS) return false;",
        replace: "if (last.revision > target) return false;",
      },
    ],
    seeds: 300,
    isSmall: true,
  },
];
