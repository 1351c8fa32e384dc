// Watching through the session protocol, on a cluster in virtual time. The receiver here is written
// out: it reads what arrives and acknowledges when a test says so.

import { beforeEach, describe, test } from "vitest";
import type { ClientRequest } from "../../src/api/replica.ts";
import { CLOSE_NO_LEADER, type ReplicaFrame } from "../../src/api/session.ts";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import { EMPTY } from "../../src/base/bytes.ts";
import { prefixEnd } from "../../src/base/interval.ts";
import type { WatchDelivery, WatchSpec } from "../../src/base/watch.ts";
import { put, watchOf } from "../support/requests.ts";
import { VirtualCluster, type VirtualClusterOptions } from "../support/virtual-cluster.ts";

const SESSION = 1;
const key = encodeUtf8;
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

let cluster: VirtualCluster;

const spec = (name: string, options: Partial<WatchSpec> = {}): WatchSpec =>
  watchOf(key(name), options);

const prefix = (name: string, options: Partial<WatchSpec> = {}): WatchSpec =>
  spec(name, { rangeEnd: prefixEnd(key(name)), ...options });

const remove = (name: string, rangeEnd = EMPTY): ClientRequest => ({
  kind: "deleteRange",
  request: { key: key(name), rangeEnd, prevKv: false },
});

function watch(id: number, wanted: WatchSpec): void {
  cluster.sendFrame(cluster.leader()!, SESSION, { kind: "watch", watch: id, spec: wanted });
}

const frames = (): ReplicaFrame[] => cluster.frames.get(SESSION) ?? [];

function deliveries(): WatchDelivery[] {
  return frames().flatMap((frame) => (frame.kind === "delivery" ? [frame.delivery] : []));
}

/** The events of one watch as "revision kind key", in the order of delivery. */
function events(id: number): string[] {
  return deliveries().flatMap((delivery) =>
    delivery.kind === "events" && delivery.watch === id
      ? delivery.events.map(({ kind, kv }) => `${kv.modRevision} ${kind} ${text(kv.key)}`)
      : [],
  );
}

function acknowledgeAll(): void {
  const last = frames().findLast((frame) => frame.kind === "delivery");
  if (last?.kind !== "delivery") return;
  cluster.sendFrame(cluster.leader()!, SESSION, { kind: "ack", sequence: last.sequence });
}

function begin(options: VirtualClusterOptions = {}): void {
  cluster = new VirtualCluster(3, options);
  cluster.runUntil(() => cluster.leader() !== null);
  cluster.openSession(cluster.leader()!, SESSION);
  cluster.sendFrame(cluster.leader()!, SESSION, { kind: "hello", version: 1 });
}

beforeEach(() => begin());

describe("a session", () => {
  test("begins with a welcome", ({ expect }) => {
    expect(frames()).toMatchObject([{ kind: "welcome", version: 1, clusterId: 99n, revision: 1 }]);
  });

  test("numbers its deliveries from 1 on without a gap", ({ expect }) => {
    watch(0, spec("a"));
    cluster.serve(put(key("a"), key("1")));
    cluster.serve(put(key("a"), key("2")));
    const sequences = frames().flatMap((frame) =>
      frame.kind === "delivery" ? [frame.sequence] : [],
    );
    expect(sequences).toEqual([1, 2, 3]);
  });

  test("ends when its replica has been without a leader for three seconds", ({ expect }) => {
    const leader = cluster.leader()!;
    leader.isCut = true;
    cluster.run(2_500);
    expect(cluster.closes.has(SESSION)).toBe(false);
    cluster.run(3_000);
    expect(cluster.closes.get(SESSION)).toBe(CLOSE_NO_LEADER);
  });
});

describe("a watch", () => {
  test("from now hears of what is put after it was created", ({ expect }) => {
    cluster.serve(put(key("a"), key("1")));
    watch(0, spec("a"));
    cluster.serve(put(key("a"), key("2")));
    expect(deliveries()[0]).toEqual({ kind: "created", watch: 0, revision: 2 });
    expect(events(0)).toEqual(["3 put a"]);
  });

  test("from the past hears of everything since, and goes on live", ({ expect }) => {
    for (const value of "123") cluster.serve(put(key("a"), key(value)));
    watch(0, spec("a", { startRevision: 3 }));
    cluster.serve(put(key("a"), key("4")));
    expect(events(0)).toEqual(["3 put a", "4 put a", "5 put a"]);
  });

  test("from the future hears of nothing before", ({ expect }) => {
    watch(0, spec("a", { startRevision: 4 }));
    for (const value of "1234") cluster.serve(put(key("a"), key(value)));
    expect(events(0)).toEqual(["4 put a", "5 put a"]);
  });

  test("of a prefix hears of its keys only", ({ expect }) => {
    watch(0, prefix("a/"));
    for (const name of ["a/1", "b/1", "a", "a/2", "a0"]) cluster.serve(put(key(name), EMPTY));
    expect(events(0)).toEqual(["2 put a/1", "5 put a/2"]);
  });

  test("of the empty key without end hears of everything", ({ expect }) => {
    watch(0, spec("", { rangeEnd: new Uint8Array([0]) }));
    cluster.serve(put(key("x"), EMPTY));
    expect(events(0)).toEqual(["2 put x"]);
  });

  test("hears of a deletion with key and revision only", ({ expect }) => {
    cluster.serve(put(key("a"), key("1")));
    watch(0, spec("a"));
    cluster.serve(remove("a"));
    const last = deliveries().at(-1);
    expect(last).toMatchObject({
      events: [{ kind: "delete", kv: { modRevision: 3, createRevision: 0, version: 0 } }],
    });
  });

  test("filters what it does not want", ({ expect }) => {
    watch(0, spec("a", { noPut: true }));
    watch(1, spec("a", { noDelete: true }));
    cluster.serve(put(key("a"), key("1")));
    cluster.serve(remove("a"));
    expect(events(0)).toEqual(["3 delete a"]);
    expect(events(1)).toEqual(["2 put a"]);
  });

  test("with prev_kv hears of the version before, live and from history", ({ expect }) => {
    cluster.serve(put(key("a"), key("1")));
    watch(0, spec("a", { prevKv: true }));
    cluster.serve(put(key("a"), key("2")));
    cluster.serve(remove("a"));
    watch(1, spec("a", { prevKv: true, startRevision: 1 }));
    const previous = (id: number): (string | null)[] =>
      deliveries().flatMap((delivery) =>
        delivery.kind === "events" && delivery.watch === id
          ? delivery.events.map(({ prevKv }) => (prevKv === null ? null : text(prevKv.value)))
          : [],
      );
    cluster.run(50);
    expect(previous(0)).toEqual(["1", "2"]);
    expect(previous(1)).toEqual([null, "1", "2"]);
  });

  test("hears of all events of one revision in one delivery", ({ expect }) => {
    for (const name of ["p1", "p2", "p3"]) cluster.serve(put(key(name), EMPTY));
    watch(0, prefix("p"));
    cluster.serve(remove("p", prefixEnd(key("p"))));
    const last = deliveries().at(-1);
    expect(last).toMatchObject({ kind: "events", revision: 5, partial: false });
    expect(events(0)).toEqual(["5 delete p1", "5 delete p2", "5 delete p3"]);
  });

  test("is told when its start was compacted, after created", ({ expect }) => {
    for (const value of "1234") cluster.serve(put(key("a"), key(value)));
    cluster.serve({ kind: "compact", revision: 4, physical: false });
    watch(0, spec("a", { startRevision: 3 }));
    expect(deliveries()).toMatchObject([
      { kind: "created" },
      { kind: "canceled", cause: { kind: "compacted", compactRevision: 4 } },
    ]);
  });

  test("may start at the compacted revision, and sees the deletion there", ({ expect }) => {
    cluster.serve(put(key("a"), key("1")));
    cluster.serve(remove("a"));
    cluster.serve(put(key("b"), key("1")));
    cluster.serve({ kind: "compact", revision: 3, physical: true });
    watch(0, spec("a", { startRevision: 3 }));
    expect(events(0)).toEqual(["3 delete a"]);
  });

  const refused = [
    { name: "with an empty range", wanted: spec("b", { rangeEnd: key("a") }), reason: /empty/ },
    {
      name: "from a negative revision",
      wanted: spec("a", { startRevision: -1 }),
      reason: /compacted/,
    },
  ];
  test.for(refused)("$name is refused", ({ wanted, reason }, { expect }) => {
    watch(0, wanted);
    expect(deliveries()).toMatchObject([{ kind: "canceled", cause: { kind: "refused" } }]);
    const [only] = deliveries();
    expect(only?.kind === "canceled" && only.cause.kind === "refused" && only.cause.reason).toMatch(
      reason,
    );
  });

  test("whose number is taken is refused, and the first goes on", ({ expect }) => {
    watch(0, spec("a"));
    watch(0, spec("b"));
    cluster.serve(put(key("a"), key("1")));
    expect(deliveries()[1]).toMatchObject({ kind: "canceled", cause: { kind: "refused" } });
    expect(events(0)).toEqual(["2 put a"]);
  });

  test("that is canceled hears nothing more; the others do", ({ expect }) => {
    watch(0, spec("a"));
    watch(1, spec("a"));
    cluster.sendFrame(cluster.leader()!, SESSION, { kind: "cancel", watch: 0 });
    cluster.serve(put(key("a"), key("1")));
    expect(deliveries().find(({ kind }) => kind === "canceled")).toMatchObject({ watch: 0 });
    expect(events(0)).toEqual([]);
    expect(events(1)).toEqual(["2 put a"]);
  });
});

describe("progress", () => {
  const ask = (): void => cluster.sendFrame(cluster.leader()!, SESSION, { kind: "progress" });
  const reports = (): WatchDelivery[] => deliveries().filter(({ kind }) => kind === "progress");

  test("on request is one report for all watches, at the store's revision", ({ expect }) => {
    watch(0, spec("a"));
    cluster.serve(put(key("x"), EMPTY));
    ask();
    expect(reports()).toEqual([{ kind: "progress", watch: -1, revision: 2 }]);
  });

  test("is not reported without a watch, nor while one waits for the future", ({ expect }) => {
    ask();
    watch(0, spec("a", { startRevision: 100 }));
    ask();
    expect(reports()).toEqual([]);
  });

  test("is reported every ten minutes to a watch that asked for it", ({ expect }) => {
    watch(0, spec("a", { progressNotify: true }));
    watch(1, spec("a"));
    cluster.run(601_000);
    expect(reports()).toEqual([{ kind: "progress", watch: 0, revision: 1 }]);
  });

  test("is reported as often as the replica is told to", ({ expect }) => {
    begin({ progressMs: 5_000 });
    watch(0, spec("a", { progressNotify: true }));
    cluster.run(20_500);
    expect(reports()).toHaveLength(4);
  });

  test("is not reported to a watch that had events meanwhile", ({ expect }) => {
    watch(0, spec("a", { progressNotify: true }));
    cluster.run(300_000);
    cluster.serve(put(key("a"), EMPTY));
    cluster.run(301_000);
    expect(reports()).toEqual([]);
    cluster.run(601_000);
    expect(reports()).toEqual([{ kind: "progress", watch: 0, revision: 2 }]);
  });

  test("is reported at a compaction, so that idle receivers can resume after it", ({ expect }) => {
    watch(0, spec("idle"));
    for (const value of "123") cluster.serve(put(key("a"), key(value)));
    cluster.serve({ kind: "compact", revision: 4, physical: false });
    expect(reports()).toEqual([{ kind: "progress", watch: -1, revision: 4 }]);
  });
});

describe("a receiver that stops reading", () => {
  const value = new Uint8Array(100_000);

  function putMany(count: number): void {
    for (let n = 0; n < count; n++) cluster.serve(put(key("a"), value));
  }

  test("is sent about one credit and no more, and the rest once it reads on", ({ expect }) => {
    watch(0, spec("a"));
    putMany(40);
    expect(events(0).length).toBeGreaterThan(8);
    expect(events(0).length).toBeLessThan(14);
    for (let n = 0; n < 10; n++) {
      acknowledgeAll();
      cluster.run(50);
    }
    expect(events(0)).toEqual(Array.from({ length: 40 }, (_, n) => `${n + 2} put a`));
  });

  test("goes on from where it fell behind, though it was quiet before a compaction", ({
    expect,
  }) => {
    watch(0, spec("quiet"));
    watch(1, spec("a"));
    putMany(8);
    cluster.serve({ kind: "compact", revision: 9, physical: true });
    putMany(4);
    cluster.serve(put(key("quiet"), EMPTY));
    for (let n = 0; n < 10; n++) {
      acknowledgeAll();
      cluster.run(50);
    }
    expect(deliveries().filter(({ kind }) => kind === "canceled")).toEqual([]);
    expect(events(0)).toEqual(["14 put quiet"]);
  });

  test("is told of a compaction later, so that its quiet watches can resume after it", ({
    expect,
  }) => {
    watch(0, spec("quiet"));
    watch(1, spec("a"));
    putMany(20);
    cluster.serve({ kind: "compact", revision: 21, physical: true });
    expect(deliveries().filter(({ kind }) => kind === "progress")).toEqual([]);
    for (let n = 0; n < 10; n++) {
      acknowledgeAll();
      cluster.run(50);
    }
    expect(deliveries().filter(({ kind }) => kind === "progress")).toEqual([
      { kind: "progress", watch: -1, revision: 21 },
    ]);
  });

  test("does not hold up another session", ({ expect }) => {
    const other = 2;
    watch(0, spec("a"));
    cluster.openSession(cluster.leader()!, other);
    cluster.sendFrame(cluster.leader()!, other, { kind: "watch", watch: 0, spec: spec("b") });
    putMany(20);
    cluster.serve(put(key("b"), EMPTY));
    const last = cluster.frames.get(other)!.at(-1);
    expect(last).toMatchObject({ delivery: { kind: "events", revision: 22 } });
  });

  test("gets a revision that is larger than its credit in partial deliveries", ({ expect }) => {
    for (let n = 0; n < 30; n++) cluster.serve(put(key(`k${n + 10}`), value));
    watch(0, prefix("k", { prevKv: true }));
    cluster.serve(remove("k", prefixEnd(key("k"))));
    for (let n = 0; n < 10; n++) {
      acknowledgeAll();
      cluster.run(50);
    }
    const parts = deliveries().filter((delivery) => delivery.kind === "events");
    expect(parts.length).toBeGreaterThan(5);
    expect(parts.map(({ partial }) => partial).lastIndexOf(true)).toBe(parts.length - 2);
    expect(events(0)).toEqual(Array.from({ length: 30 }, (_, n) => `32 delete k${n + 10}`));
  });
});

describe("a sleep of the replica", () => {
  test("loses no event and repeats none that was acknowledged", ({ expect }) => {
    watch(0, spec("a"));
    cluster.serve(put(key("a"), key("1")));
    acknowledgeAll();
    const leader = cluster.leader()!;
    const kept = cluster.checkpoints.get(SESSION)!;
    cluster.frames.clear();
    cluster.restart(leader);
    cluster.serve(put(key("a"), key("2")));
    cluster.openSession(leader, SESSION, kept);
    cluster.serve(put(key("a"), key("3")));
    expect(deliveries().filter(({ kind }) => kind === "created")).toEqual([]);
    expect(events(0)).toEqual(["3 put a", "4 put a"]);
  });

  test("does not make an idle watch resume before a compaction", ({ expect }) => {
    watch(0, spec("idle"));
    acknowledgeAll();
    for (const value of "123") cluster.serve(put(key("a"), key(value)));
    acknowledgeAll();
    cluster.serve({ kind: "compact", revision: 4, physical: true });
    const leader = cluster.leader()!;
    const kept = cluster.checkpoints.get(SESSION)!;
    cluster.frames.clear();
    cluster.restart(leader);
    cluster.openSession(leader, SESSION, kept);
    cluster.serve(put(key("idle"), EMPTY));
    expect(events(0)).toEqual(["5 put idle"]);
  });
});
