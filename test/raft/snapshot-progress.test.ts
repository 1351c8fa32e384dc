// Goal: a peer whose next entry is trimmed waits for a snapshot, and goes on where that ends (Raft §7).
// Method: one leader whose log is trimmed, or one follower; what a snapshot holds is not looked at.

import { describe, it } from "vitest";

import { asLogIndex, asTerm } from "../../src/base/types.ts";
import { at, Bench, entriesOf, index, member, sent, type BenchOptions } from "./bench.ts";
import { EMPTY_IMAGE, MemoryStorage } from "./memory-storage.ts";

/** A log of terms 2 from index 6 on, with what lies before it trimmed. */
const trimmed = (author: number | null = null): MemoryStorage =>
  new MemoryStorage({
    ...EMPTY_IMAGE,
    hardState: { term: asTerm(2), vote: author === null ? null : member(author) },
    trimmed: {
      index: index(5),
      term: asTerm(2),
      author: author === null ? null : member(author),
    },
    entries: entriesOf([2, 2], { first: 6, before: 2 }),
  });

/** A leader at index 8, whose peer 3 holds nothing that follows on the trimmed log. */
function leader(options: BenchOptions = {}): Bench {
  const bench = new Bench({ storage: trimmed(), applied: 7, ...options });
  bench.serve([2]);
  bench.receive("appendAnswer", 3, { index: 7, rejected: { hintIndex: 2, hintTerm: 1 } });
  return bench;
}

const part = { snapshot: "a", index: asLogIndex(8), indexTerm: asTerm(3), part: 0 };

describe("Raft §7: a peer that needs trimmed entries", () => {
  it("gets no appends, and is told to the owner while it is there", ({ expect }) => {
    const bench = leader();
    expect(bench.node.peers()[1]).toMatchObject({ state: "snapshot", match: 0 });
    expect(sent(bench.propose("x"), "append", 3)).toEqual([]);
    expect(bench.node.awaitingSnapshot()).toEqual([member(3)]);
    for (let n = 0; n < 10; n++) {
      for (const { sentAt } of sent(bench.pass(100), "heartbeat", 2)) {
        bench.receive("heartbeatAnswer", 2, { sentAt, lastIndex: 8 });
      }
    }
    expect(bench.node.awaitingSnapshot()).toEqual([]);
    bench.receive("heartbeatAnswer", 3, { lastIndex: 2 });
    expect(bench.node.awaitingSnapshot()).toEqual([member(3)]);
  });

  it("is not probed again by its heartbeats, refusals or failed calls", ({ expect }) => {
    const bench = leader();
    const rejected = { hintIndex: 2, hintTerm: 1 };
    expect(bench.receive("heartbeatAnswer", 3, { lastIndex: 2 }).messages).toEqual([]);
    expect(bench.receive("appendAnswer", 3, { index: 7, rejected }).messages).toEqual([]);
    bench.node.unreachable(member(3), at(bench.now));
    expect(bench.node.peers()[1]).toMatchObject({ state: "snapshot" });
  });

  it("goes on behind the snapshot once that is installed", ({ expect }) => {
    const bench = leader();
    bench.propose("x");
    bench.node.snapshotInstalled(member(3), index(8), at(bench.now));
    const ready = bench.node.takeReady();
    expect(sent(ready, "append", 3)).toMatchObject([{ previousIndex: 8, entries: [{}] }]);
    expect(bench.node.peers()[1]).toMatchObject({ state: "probe", match: 8 });
    bench.accept(3);
    expect(bench.node.peers()[1]).toMatchObject({ state: "replicate", match: 9 });
  });

  it("counts for a commit by what the snapshot covers", ({ expect }) => {
    const bench = new Bench({ storage: trimmed(), applied: 7, voters: [1, 2, 3, 4, 5] });
    bench.lead([2, 4]);
    bench.receive("appendAnswer", 3, { index: 7, rejected: { hintIndex: 2, hintTerm: 1 } });
    bench.accept(2);
    expect(bench.node.status().commit).toBe(7);
    bench.node.snapshotInstalled(member(3), index(7), at(bench.now));
    expect(bench.node.status().commit).toBe(7);
    bench.accept(3);
    expect(bench.node.status().commit).toBe(8);
  });

  it("waits for another when the log was trimmed beyond the first meanwhile", ({ expect }) => {
    const bench = leader();
    bench.node.trim(index(8));
    bench.node.snapshotInstalled(member(3), index(6), at(bench.now));
    expect(sent(bench.node.takeReady(), "append", 3)).toEqual([]);
    expect(bench.node.peers()[1]).toMatchObject({ state: "snapshot", match: 6 });
  });

  it("is replicated to when it turns out to have what it needs", ({ expect }) => {
    const bench = leader();
    bench.accept(3, 4);
    expect(bench.node.peers()[1]).toMatchObject({ state: "snapshot", match: 4 });
    bench.accept(3, 5);
    expect(bench.node.peers()[1]).toMatchObject({ state: "replicate" });
  });

  it("that needs nothing is not moved by a late word of its snapshot", ({ expect }) => {
    const bench = leader();
    bench.accept(3);
    bench.node.snapshotInstalled(member(3), index(6), at(bench.now));
    expect(bench.node.peers()[1]).toMatchObject({ state: "replicate", match: 8, next: 9 });
  });

  it("that was removed meanwhile is nobody", ({ expect }) => {
    const bench = leader();
    bench.node.snapshotInstalled(member(9), index(8), at(bench.now));
    expect(bench.node.hasReady()).toBe(false);
  });
});

describe("Raft §7: parts of a snapshot", () => {
  it("go out in the leader's name, and from nobody else", ({ expect }) => {
    const bench = leader();
    const data = new Uint8Array([1]);
    bench.node.sendSnapshot(member(3), { ...part, data }, at(bench.now));
    const ready = bench.node.takeReady();
    expect(sent(ready, "snapshot", 3)).toMatchObject([{ term: 3, incarnation: 1, index: 8 }]);
    bench.receive("heartbeat", 2, { term: 4 });
    bench.node.sendSnapshot(member(3), { ...part, data }, at(bench.now));
    expect(sent(bench.node.takeReady(), "snapshot")).toEqual([]);
  });

  it("are handed to the owner, and count as the leader's word", ({ expect }) => {
    const bench = new Bench({ term: 3 });
    const { snapshots } = bench.receive("snapshot", 2, { ...part });
    expect(snapshots).toMatchObject([{ kind: "snapshot", index: 8 }]);
    expect(bench.node.status().leader).toBe(member(2));
  });

  it.for([{ term: 2 }, { incarnation: 1 }])("of %o are refused", (fields, { expect }) => {
    const bench = new Bench({ term: 3 });
    bench.receive("heartbeat", 2, { incarnation: 2 });
    const { snapshots } = bench.receive("snapshot", 2, { ...part, incarnation: 2, ...fields });
    expect(snapshots).toEqual([]);
  });

  it.for([{ incarnation: 9 }, { term: 2 }])(
    "are not answered to another leadership: %o",
    (fields, { expect }) => {
      const bench = leader();
      const answer = { snapshot: "a", part: 1, isDone: false };
      expect(bench.receive("snapshotAnswer", 3, answer).snapshots).toHaveLength(1);
      expect(bench.receive("snapshotAnswer", 3, { ...answer, ...fields }).snapshots).toEqual([]);
    },
  );

  it("are not wanted by one whose log, or state, covers them", ({ expect }) => {
    const bench = new Bench({ storage: trimmed(), applied: 6 });
    const covers = (place: number, term: number): boolean =>
      bench.node.covers({ index: index(place), term: asTerm(term) });
    expect(covers(3, 1)).toBe(true);
    expect(covers(7, 2)).toBe(true);
    // An entry of another term at that place will be overwritten.
    expect(covers(7, 3)).toBe(false);
    expect(covers(8, 2)).toBe(false);
  });
});

describe("a trimmed log", () => {
  it("does not keep its leader from resuming: the base names the author", ({ expect }) => {
    expect(new Bench({ storage: trimmed(1), applied: 7 }).node.status()).toMatchObject({
      role: "leader",
      term: 2,
    });
    expect(new Bench({ storage: trimmed(2), applied: 7 }).node.status().role).toBe("follower");
    expect(new Bench({ storage: trimmed(), applied: 7 }).node.status().leader).toBeNull();
  });

  it("is trimmed no further than what was applied", ({ expect }) => {
    const bench = new Bench({ entries: entriesOf([1, 1, 1]), term: 1 });
    bench.receive("heartbeat", 2, { commit: 2 });
    expect(() => bench.node.trim(index(3))).toThrow(/only what was applied/);
    bench.node.trim(index(2));
    expect(bench.storage.firstIndex()).toBe(3);
  });

  it("takes appends that begin before it, for that was committed", ({ expect }) => {
    const bench = new Bench({ storage: trimmed(), applied: 6 });
    const entries = entriesOf([2, 2, 2, 2], { first: 4, before: 2 });
    const fields = { term: 2, previousIndex: 3, previousTerm: 2, entries };
    const ready = bench.receive("append", 2, fields);
    expect(sent(ready, "appendAnswer")).toMatchObject([{ index: 7, rejected: null }]);
  });
});
