// Goal: log replication as in Raft §5.3, and what keeps it fast and safe on a bad network. Method:
// one node as leader or follower, its peers played by the test.

import { describe, it } from "vitest";

import { APPEND_BYTES_MAX, APPENDS_IN_FLIGHT_MAX } from "../../src/base/limits.ts";
import { asLogIndex, asTerm } from "../../src/base/types.ts";
import { ENTRY_COMMAND_MIN } from "../../src/base/entry-kinds.ts";
import { at, Bench, entriesOf, index, member, payload, sent, termsOf } from "./bench.ts";
import { EMPTY_IMAGE, MemoryStorage } from "./memory-storage.ts";

describe("§5.3: a leader replicates", () => {
  it("§5.3: a proposal is appended, stored, and sent to all in parallel", ({ expect }) => {
    const bench = new Bench();
    bench.serve([2, 3]);
    const proposed = bench.node.propose([payload("a"), payload("b")], at(0));
    expect(proposed).toEqual({ first: 2, term: 1 });
    expect(termsOf(bench.storage)).toEqual([1, 1, 1]);
    const appends = sent(bench.node.takeReady(), "append");
    expect(appends.map((append) => append.to)).toEqual([member(2), member(3)]);
    expect(appends[0]).toMatchObject({ previousIndex: 1, previousTerm: 1, entries: [{}, {}] });
  });

  it("§5.3: only a leader takes proposals", ({ expect }) => {
    expect(new Bench().node.propose([payload()], at(0))).toBeNull();
  });

  it("§5.3: an entry commits once a majority has stored it", ({ expect }) => {
    const bench = new Bench({ voters: [1, 2, 3, 4, 5] });
    bench.serve([2, 3]);
    bench.propose("x");
    expect(bench.accept(2).committed).toEqual([]);
    expect(bench.accept(2).committed).toEqual([]);
    expect(bench.accept(3).committed).toMatchObject([{ index: 2, term: 1 }]);
    expect(bench.node.status().commit).toBe(2);
  });

  it("§5.3: a learner is replicated to, and not counted", ({ expect }) => {
    const bench = new Bench({ learners: [4, 5] });
    bench.serve();
    for (const learner of [4, 5]) {
      expect(sent(bench.accept(learner, 0), "append", learner)).toHaveLength(1);
      bench.accept(learner, 1);
    }
    const ready = bench.propose("x");
    for (const learner of [4, 5]) {
      expect(sent(ready, "append", learner)).toHaveLength(1);
      bench.accept(learner);
    }
    // With the leader they are three of five, but one of three voters.
    expect(bench.node.status().commit).toBe(1);
  });

  it("§5.3: the commit index rides on later appends and heartbeats", ({ expect }) => {
    const bench = new Bench();
    bench.serve([2, 3]);
    expect(sent(bench.propose("x"), "append", 2)).toMatchObject([{ commit: 1 }]);
    expect(sent(bench.pass(100), "heartbeat", 2)).toMatchObject([{ commit: 1 }]);
  });

  it("§5.3: a heartbeat tells no commit index beyond what its receiver matches", ({ expect }) => {
    const bench = new Bench();
    bench.serve([2]);
    expect(bench.node.status().commit).toBe(1);
    expect(sent(bench.pass(100), "heartbeat", 3)).toMatchObject([{ commit: 0 }]);
  });

  it("§5.2: heartbeats are due after a heartbeat's silence, and an append is one", ({ expect }) => {
    const bench = new Bench();
    bench.serve([2, 3]);
    const start = bench.now;
    bench.now += 60;
    bench.node.propose([payload()], at(bench.now));
    bench.node.takeReady();
    expect(bench.pass(99).messages).toEqual([]);
    expect(bench.node.deadline()).toBe(start + 160);
    expect(sent(bench.pass(1), "heartbeat")).toHaveLength(2);
  });
});

describe("§5.3: a follower takes over", () => {
  // Raft figure 7, and more: the follower's terms, the append, and what comes of it.
  const leader = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
  const cases = [
    { name: "an empty log takes from the start", own: [], previous: 0, terms: leader },
    {
      name: "(a) one entry is missing",
      own: [1, 1, 1, 4, 4, 5, 5, 6, 6],
      previous: 9,
      terms: leader,
    },
    { name: "(b) many are missing", own: [1, 1, 1, 4], previous: 4, terms: leader },
    {
      name: "(c) more than the leader's, same term",
      own: [...leader, 6],
      previous: 10,
      terms: [...leader, 6],
    },
    {
      name: "(d) uncommitted entries of a later term go when they conflict",
      own: [...leader, 7, 7],
      previous: 10,
      add: 8,
      terms: [...leader, 8],
    },
    {
      name: "(e) a conflicting suffix goes",
      own: [1, 1, 1, 4, 4, 4, 4],
      previous: 5,
      terms: leader,
    },
    {
      name: "(f) a conflict far back",
      own: [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
      previous: 3,
      terms: leader,
    },
    { name: "what matches already stays", own: leader, previous: 2, terms: leader },
  ];

  for (const { name, own, previous, terms, add } of cases) {
    it(`§5.3, figure 7: ${name}`, ({ expect }) => {
      const bench = new Bench({ entries: entriesOf(own), term: 8 });
      const full = entriesOf(add === undefined ? leader : [...leader, add]);
      const ready = bench.receive("append", 2, {
        previousIndex: previous,
        previousTerm: full[previous - 1]?.term ?? 0,
        entries: full.slice(previous),
      });
      const answered = { index: full.length, rejected: null };
      expect(sent(ready, "appendAnswer")).toMatchObject([answered]);
      expect(termsOf(bench.storage)).toEqual(terms);
    });
  }

  it("§5.3: an append whose previous entry is missing or differs is refused", ({ expect }) => {
    for (const { own, previousIndex, previousTerm } of [
      { own: [1], previousIndex: 3, previousTerm: 1 },
      { own: [1, 2, 2], previousIndex: 3, previousTerm: 3 },
      { own: [], previousIndex: 1, previousTerm: 1 },
    ]) {
      const bench = new Bench({ entries: entriesOf(own), term: 3 });
      const entries = entriesOf([3], { first: previousIndex + 1, before: previousTerm });
      const ready = bench.receive("append", 2, { previousIndex, previousTerm, entries });
      expect(sent(ready, "appendAnswer")).toMatchObject([{ index: previousIndex, rejected: {} }]);
      expect(termsOf(bench.storage)).toEqual(own);
    }
  });

  it("§5.3: a late append does not cut off what a later one brought", ({ expect }) => {
    const bench = new Bench({ term: 1 });
    const entries = entriesOf([1, 1, 1]);
    bench.receive("append", 2, { entries });
    const ready = bench.receive("append", 2, { entries: entries.slice(0, 1) });
    expect(sent(ready, "appendAnswer")).toMatchObject([{ index: 1, rejected: null }]);
    expect(termsOf(bench.storage)).toEqual([1, 1, 1]);
    expect(bench.storage.writes).toBe(1);
  });

  it("figure 2: a follower commits no further than the append verified", ({ expect }) => {
    const bench = new Bench({ entries: entriesOf([1, 1, 1]), term: 2 });
    const ready = bench.receive("append", 2, { previousIndex: 1, previousTerm: 1, commit: 3 });
    expect(ready.committed).toMatchObject([{ index: 1 }]);
    expect(bench.node.status().commit).toBe(1);
  });

  it("§5.3: a follower applies committed entries in order, once, after restarts too", ({
    expect,
  }) => {
    const bench = new Bench({ entries: entriesOf([1, 1, 1, 1]), term: 1, applied: 1 });
    const ready = bench.receive("heartbeat", 2, { commit: 3 });
    expect(ready.committed.map((entry) => entry.index)).toEqual([2, 3]);
    expect(bench.receive("heartbeat", 2, { commit: 3 }).committed).toEqual([]);
    expect(bench.receive("heartbeat", 2, { commit: 2 }).committed).toEqual([]);
    expect(bench.node.status().commit).toBe(3);
  });

  it("§5.3: every append and heartbeat gets one answer, repeated ones too", ({ expect }) => {
    const bench = new Bench({ term: 1 });
    for (let n = 0; n < 2; n++) {
      const append = bench.receive("append", 2, { entries: entriesOf([1]) });
      expect(append.messages).toMatchObject([{ kind: "appendAnswer", to: 2n, index: 1 }]);
      const heartbeat = bench.receive("heartbeat", 2, { round: 3 });
      expect(heartbeat.messages).toMatchObject([
        { kind: "heartbeatAnswer", round: 3, lastIndex: 1 },
      ]);
    }
  });

  it("a follower counts trimmed entries as matching, for they were committed", ({ expect }) => {
    const image = {
      ...EMPTY_IMAGE,
      hardState: { term: asTerm(2), vote: null },
      trimmed: { index: index(5), term: asTerm(2) },
    };
    const bench = new Bench({ storage: new MemoryStorage(image), applied: 5 });
    const entries = entriesOf([2, 2, 2], { first: 4, before: 1 });
    const ready = bench.receive("append", 2, { previousIndex: 3, previousTerm: 1, entries });
    expect(sent(ready, "appendAnswer")).toMatchObject([{ index: 6, rejected: null }]);
    expect(bench.storage.lastIndex()).toBe(6);
  });

  it("an unapplied backlog is handed out in parts", ({ expect }) => {
    const large = { kind: ENTRY_COMMAND_MIN, data: new Uint8Array(700_000) };
    const entries = [1, 2, 3].map((n) => ({ index: asLogIndex(n), term: asTerm(1), ...large }));
    const bench = new Bench({ entries, term: 1 });
    expect(bench.receive("heartbeat", 2, { commit: 3 }).committed).toMatchObject([{ index: 1 }]);
    expect(bench.node.hasReady()).toBe(true);
    expect(bench.node.takeReady().committed).toMatchObject([{ index: 2 }]);
    expect(bench.node.takeReady().committed).toMatchObject([{ index: 3 }]);
    expect(bench.node.hasReady()).toBe(false);
  });
});

describe("§5.3: finding where logs agree", () => {
  it("§5.3: a leader starts behind its last entry and steps back where refused", ({ expect }) => {
    const bench = new Bench({ entries: entriesOf([1, 1, 2, 2]) });
    const [probe] = sent(bench.lead([2]), "append", 3);
    expect(probe).toMatchObject({ previousIndex: 4, previousTerm: 2 });
    const rejected = { hintIndex: 1, hintTerm: 1 };
    const ready = bench.receive("appendAnswer", 3, { index: 4, rejected });
    const again = sent(ready, "append", 3);
    expect(again).toMatchObject([{ previousIndex: 1, previousTerm: 1 }]);
    expect(again[0]!.entries).toHaveLength(4);
  });

  // etcd raft's findConflictByTerm: whole terms are skipped, on either side.
  const skips = [
    { leader: [1, 3, 3, 3, 5, 5, 5, 5], follower: [1, 3, 3, 3, 4, 4, 4, 4, 4], probes: [8, 4] },
    { leader: [1, 2, 2, 2, 2, 2, 2, 2], follower: [1, 1, 1, 1, 1], probes: [8, 1] },
    { leader: [1, 1, 1, 5, 5, 5, 5], follower: [1, 1, 1, 2, 2, 3, 3, 4, 4], probes: [7, 3] },
    { leader: [4, 4, 4, 4], follower: [1, 1, 2, 2, 3, 3], probes: [4, 0] },
    { leader: [1, 1, 1, 1, 1, 1], follower: [1, 1], probes: [6, 2] },
  ];

  for (const { leader, follower, probes } of skips) {
    it(`§5.3: ${leader.join()} against ${follower.join()} probes at ${probes.join(", ")}`, ({
      expect,
    }) => {
      const leading = new Bench({ entries: entriesOf(leader) });
      let [append] = sent(leading.lead([2]), "append", 3);
      const { term } = leading.node.status();
      const following = new Bench({ id: 3, entries: entriesOf(follower), term });
      const seen: number[] = [];
      for (let round = 0; append !== undefined && round < 9; round++) {
        seen.push(append.previousIndex);
        following.node.step(append, at(0));
        const [answer] = sent(following.node.takeReady(), "appendAnswer");
        leading.node.step(answer!, at(leading.now));
        [append] = sent(leading.node.takeReady(), "append", 3);
      }
      expect(seen).toEqual(probes);
      expect(termsOf(following.storage)).toEqual(termsOf(leading.storage));
    });
  }

  it("a stale refusal moves nothing, least of all behind what matches", ({ expect }) => {
    const bench = new Bench({ entries: entriesOf([1, 1, 1, 1]) });
    bench.serve([2, 3]);
    const rejected = { hintIndex: 1, hintTerm: 1 };
    for (const refused of [4, 3, 1]) {
      const ready = bench.receive("appendAnswer", 2, { index: refused, rejected });
      expect(ready.messages).toEqual([]);
    }
    expect(bench.node.peers()[0]).toMatchObject({ state: "replicate", match: 5, next: 6 });
  });

  it("a refusal of what is under way goes back to the match, whatever its hint", ({ expect }) => {
    const bench = new Bench({ entries: entriesOf([1, 1, 1, 1]) });
    bench.serve([2, 3]);
    bench.propose("a");
    bench.propose("b");
    const rejected = { hintIndex: 1, hintTerm: 1 };
    const ready = bench.receive("appendAnswer", 2, { index: 6, rejected });
    expect(sent(ready, "append", 2)).toMatchObject([{ previousIndex: 5, entries: [{}, {}] }]);
    expect(bench.node.peers()[0]).toMatchObject({ state: "probe", match: 5, next: 6 });
  });

  it("a stale acceptance moves nothing back", ({ expect }) => {
    const bench = new Bench({ entries: entriesOf([1, 1, 1, 1]) });
    bench.serve([2, 3]);
    bench.accept(2, 2);
    expect(bench.node.peers()[0]).toMatchObject({ match: 5, next: 6 });
  });
});

describe("windows", () => {
  it("in probe one append is under way, in replicate as many as the window has", ({ expect }) => {
    const bench = new Bench();
    bench.lead();
    expect(sent(bench.propose("x"), "append")).toEqual([]);
    const opened = sent(bench.accept(2, 1), "append", 2);
    expect(opened).toMatchObject([{ previousIndex: 1 }]);
    let appends = opened.length;
    for (let n = 0; n < 3 * APPENDS_IN_FLIGHT_MAX; n++) {
      appends += sent(bench.propose("x"), "append", 2).length;
    }
    expect(appends).toBe(APPENDS_IN_FLIGHT_MAX);
    expect(bench.node.peers()[0]).toMatchObject({ inFlight: APPENDS_IN_FLIGHT_MAX });
    // One answer frees one place, which the whole backlog fills.
    const [next] = sent(bench.accept(2, 2), "append", 2);
    expect(next!.entries).toHaveLength(2 * APPENDS_IN_FLIGHT_MAX + 1);
  });

  it("an append carries at most APPEND_BYTES_MAX, but one entry always", ({ expect }) => {
    const bench = new Bench();
    bench.serve();
    const large = { kind: ENTRY_COMMAND_MIN, data: new Uint8Array(APPEND_BYTES_MAX / 2) };
    const huge = { kind: ENTRY_COMMAND_MIN, data: new Uint8Array(APPEND_BYTES_MAX + 1) };
    bench.node.propose([large, large, large, huge, large], at(bench.now));
    const counts = sent(bench.node.takeReady(), "append", 2).map((append) => append.entries.length);
    expect(counts).toEqual([2, 1, 1, 1]);
  });

  // On a long way, a heartbeat that is answered now may have left before the append: that the log
  // of the peer does not reach the append's end proves nothing yet.
  it.for([
    { what: "has not arrived", lastIndex: 1 },
    { what: "has arrived", lastIndex: 2 },
  ])("an append that $what is sent again after five heartbeats", ({ lastIndex }, { expect }) => {
    const bench = new Bench();
    bench.serve([2, 3]);
    bench.propose("x");
    const ages: number[] = [];
    for (let age = 100; age <= 500; age += 100) {
      bench.pass(100);
      const ready = bench.receive("heartbeatAnswer", 2, { lastIndex });
      if (sent(ready, "append", 2).length > 0) ages.push(age);
    }
    expect(ages).toEqual([500]);
  });

  it("an unreachable peer loses its window, and gets one append when it answers", ({ expect }) => {
    const bench = new Bench();
    bench.serve([2, 3]);
    bench.propose("a");
    bench.propose("b");
    bench.node.unreachable(member(2), at(bench.now));
    expect(bench.node.peers()[0]).toMatchObject({ state: "probe", inFlight: 0 });
    expect(sent(bench.propose("c"), "append", 2)).toEqual([]);
    const ready = bench.receive("heartbeatAnswer", 2, { lastIndex: 2 });
    expect(sent(ready, "append", 2)).toMatchObject([{ previousIndex: 2, entries: [{}, {}] }]);
    bench.accept(2);
    expect(bench.node.peers()[0]).toMatchObject({ state: "replicate", match: 4 });
  });

  it("a peer that needs trimmed entries gets heartbeats only", ({ expect }) => {
    const image = {
      ...EMPTY_IMAGE,
      hardState: { term: asTerm(2), vote: null },
      trimmed: { index: index(5), term: asTerm(2) },
      entries: entriesOf([2, 2], { first: 6, before: 2 }),
    };
    const bench = new Bench({ storage: new MemoryStorage(image), applied: 7 });
    bench.lead();
    const rejected = { hintIndex: 2, hintTerm: 1 };
    expect(bench.receive("appendAnswer", 3, { index: 7, rejected }).messages).toEqual([]);
    expect(bench.node.peers()[1]).toMatchObject({ state: "snapshot", inFlight: 0 });
    expect(sent(bench.propose("x"), "append", 3)).toEqual([]);
    expect(sent(bench.pass(100), "heartbeat", 3)).toHaveLength(1);
    // Should it turn out to have them, it goes on.
    bench.accept(3, 7);
    expect(bench.node.peers()[1]).toMatchObject({ state: "replicate" });
  });
});
