// Goal: the rules of elections. Method: one node, peers played by the test, one sentence each
// (Raft = Ongaro & Ousterhout 2014; thesis = Ongaro 2014).

import { describe, it } from "vitest";

import { ENTRY_LEADER } from "../../src/base/entry-kinds.ts";
import { at, Bench, entriesOf, member, sent } from "./bench.ts";

describe("§5.2: starting an election", () => {
  it("§5.2: servers start as followers", ({ expect }) => {
    expect(new Bench().node.status()).toMatchObject({ role: "follower", term: 0, leader: null });
  });

  it("§5.2: a follower that hears nothing for an election timeout campaigns", ({ expect }) => {
    const bench = new Bench();
    const due = bench.node.deadline();
    expect(bench.pass(due - 1).messages).toEqual([]);
    const ready = bench.pass(1);
    expect(sent(ready, "preVote").map((message) => message.to)).toEqual([member(2), member(3)]);
  });

  it("§5.2: heartbeats keep a follower from campaigning", ({ expect }) => {
    const bench = new Bench({ term: 1 });
    for (let beat = 0; beat < 20; beat++) {
      bench.receive("heartbeat", 2);
      expect(sent(bench.pass(400), "preVote")).toEqual([]);
    }
  });

  it("§5.2: a candidate raises its term, votes for itself, stores both, and asks", ({ expect }) => {
    const bench = new Bench({ term: 2, entries: entriesOf([1, 2]) });
    const ready = bench.stand();
    expect(bench.storage.hardState()).toEqual({ term: 3, vote: member(1) });
    expect(sent(ready, "vote")).toMatchObject([
      { to: member(2), term: 3, lastIndex: 2, lastTerm: 2 },
      { to: member(3), term: 3, lastIndex: 2, lastTerm: 2 },
    ]);
  });

  it("§5.2: election timeouts are random, within their bounds", ({ expect }) => {
    const dues = Array.from({ length: 50 }, (_, seed) => new Bench({ seed }).node.deadline());
    expect(new Set(dues).size).toBeGreaterThan(20);
    expect(Math.min(...dues)).toBeGreaterThanOrEqual(500);
    expect(Math.max(...dues)).toBeLessThan(1_000);
  });

  it("§5.2: a candidate whose election is undecided starts another", ({ expect }) => {
    const bench = new Bench();
    bench.stand();
    bench.stand();
    expect(bench.node.status()).toMatchObject({ role: "candidate", term: 2 });
  });

  it("§5.2: a learner never campaigns", ({ expect }) => {
    const bench = new Bench({ id: 4, learners: [4] });
    for (let n = 0; n < 5; n++) expect(bench.pass(1_000).messages).toEqual([]);
    bench.node.campaign(at(bench.now));
    expect(bench.node.hasReady()).toBe(false);
    expect(bench.node.status().role).toBe("learner");
  });
});

describe("§5.2: winning and losing", () => {
  const outcomes = [
    { size: 1, grants: [], denials: [], role: "leader" },
    { size: 3, grants: [2], denials: [], role: "leader" },
    { size: 3, grants: [2], denials: [3], role: "leader" },
    { size: 3, grants: [], denials: [3], role: "candidate" },
    { size: 3, grants: [], denials: [2, 3], role: "follower" },
    { size: 5, grants: [2], denials: [], role: "candidate" },
    { size: 5, grants: [2, 2, 2], denials: [], role: "candidate" },
    { size: 5, grants: [2, 3], denials: [4, 5], role: "leader" },
    { size: 5, grants: [2], denials: [3, 4, 5], role: "follower" },
  ];

  for (const { size, grants, denials, role } of outcomes) {
    it(`§5.2: of ${size}, granted by ${grants.join()}; denied by ${denials.join()}: ${role}`, ({
      expect,
    }) => {
      const voters = Array.from({ length: size }, (_, n) => n + 1);
      const bench = new Bench({ voters });
      bench.stand(voters.slice(1));
      for (const voter of denials) bench.receive("voteAnswer", voter, { granted: false });
      for (const voter of grants) bench.receive("voteAnswer", voter, { granted: true });
      expect(bench.node.status().role).toBe(role);
    });
  }

  it("§5.2: votes of learners and strangers do not count", ({ expect }) => {
    const bench = new Bench({ voters: [1, 2, 3], learners: [4] });
    bench.stand();
    bench.receive("voteAnswer", 4);
    bench.receive("voteAnswer", 9);
    expect(bench.node.status().role).toBe("candidate");
  });

  it("§5.2: a new leader tells all others at once", ({ expect }) => {
    const ready = new Bench({ learners: [4] }).lead();
    expect(sent(ready, "append").map((message) => message.to)).toEqual([2, 3, 4].map(member));
  });

  it("§8: a new leader's first entry is its own, and names it", ({ expect }) => {
    const bench = new Bench({ entries: entriesOf([1, 1]) });
    const [append] = sent(bench.lead(), "append", 2);
    expect(append).toMatchObject({ previousIndex: 2, previousTerm: 1, term: 2 });
    expect(append!.entries).toMatchObject([{ index: 3, term: 2, kind: ENTRY_LEADER }]);
    expect([...append!.entries[0]!.data]).toEqual([0, 0, 0, 0, 0, 0, 0, 1]);
  });

  it("§5.2: a candidate that hears a leader of its term follows it", ({ expect }) => {
    const bench = new Bench();
    bench.stand();
    bench.receive("heartbeat", 3);
    expect(bench.node.status()).toMatchObject({ role: "follower", term: 1, leader: member(3) });
  });
});

describe("§5.2, §5.4.1: granting a vote", () => {
  it("§5.2: a voter votes once in a term, for the first who asks", ({ expect }) => {
    const bench = new Bench({ term: 1 });
    const granted = (from: number) => sent(bench.receive("vote", from, { term: 2 }), "voteAnswer");
    expect(granted(2)).toMatchObject([{ granted: true, term: 2 }]);
    expect(bench.storage.hardState()).toEqual({ term: 2, vote: member(2) });
    expect(granted(3)).toMatchObject([{ granted: false }]);
    expect(granted(2)).toMatchObject([{ granted: true }]);
  });

  it("§5.2: a vote outlives a restart", ({ expect }) => {
    const before = new Bench({ term: 1 });
    before.receive("vote", 2, { term: 2 });
    const bench = new Bench({ storage: before.storage });
    const ready = bench.receive("vote", 3, { term: 2 });
    expect(sent(ready, "voteAnswer")).toMatchObject([{ granted: false, term: 2 }]);
  });

  it("§5.2: a voter that knows its term's leader votes for nobody else in it", ({ expect }) => {
    const bench = new Bench({ term: 2 });
    bench.receive("heartbeat", 2);
    const ready = bench.receive("vote", 3, { term: 2, lastIndex: 9, lastTerm: 2 });
    expect(sent(ready, "voteAnswer")).toMatchObject([{ granted: false }]);
  });

  it("§5.2: a late vote request of its leader does not make a voter forget it", ({ expect }) => {
    const bench = new Bench({ term: 1 });
    bench.receive("vote", 2, { term: 2 });
    bench.receive("heartbeat", 2, { term: 2 });
    bench.receive("vote", 2, { term: 2 });
    expect(bench.node.status().leader).toBe(member(2));
  });

  const logs = [
    { own: [1], lastIndex: 1, lastTerm: 1, granted: true },
    { own: [1], lastIndex: 2, lastTerm: 1, granted: true },
    { own: [1, 1], lastIndex: 1, lastTerm: 1, granted: false },
    { own: [1], lastIndex: 1, lastTerm: 2, granted: true },
    { own: [1, 1, 1], lastIndex: 1, lastTerm: 2, granted: true },
    { own: [2], lastIndex: 1, lastTerm: 1, granted: false },
    { own: [2], lastIndex: 9, lastTerm: 1, granted: false },
    { own: [], lastIndex: 0, lastTerm: 0, granted: true },
  ];

  for (const { own, lastIndex, lastTerm, granted } of logs) {
    const verb = granted ? "grants" : "denies";
    it(`§5.4.1: a voter with terms ${own.join()} ${verb} ${lastIndex}/${lastTerm}`, ({
      expect,
    }) => {
      for (const kind of ["vote", "preVote"] as const) {
        const bench = new Bench({ entries: entriesOf(own), term: 2 });
        const ready = bench.receive(kind, 3, { term: 3, lastIndex, lastTerm });
        expect(sent(ready, `${kind}Answer`)).toMatchObject([{ granted }]);
      }
    });
  }
});

describe("thesis §9.6: PreVote", () => {
  it("thesis §9.6: neither asking nor granting changes anyone's term or vote", ({ expect }) => {
    const asking = new Bench({ term: 4 });
    asking.pass(1_000);
    const granting = new Bench({ term: 4 });
    const ready = granting.receive("preVote", 2, { term: 9 });
    expect(sent(ready, "preVoteAnswer")).toMatchObject([{ granted: true, term: 9 }]);
    for (const bench of [asking, granting]) {
      expect(bench.storage.hardState()).toEqual({ term: 4, vote: null });
      expect(bench.storage.writes).toBe(0);
    }
  });

  it("thesis §9.6: one that would lose goes on following in its term", ({ expect }) => {
    const bench = new Bench({ term: 4 });
    bench.pass(1_000);
    bench.receive("preVoteAnswer", 2, { granted: false });
    bench.receive("preVoteAnswer", 3, { granted: false });
    expect(bench.node.status()).toMatchObject({ role: "follower", term: 4 });
  });

  it("thesis §9.6: a grant for another term does not count", ({ expect }) => {
    const bench = new Bench({ term: 4 });
    bench.pass(1_000);
    bench.receive("preVoteAnswer", 2, { term: 4, granted: true });
    expect(bench.node.status()).toMatchObject({ role: "candidate", term: 4 });
  });
});

describe("thesis §4.2.3: leader stickiness", () => {
  it("thesis §4.2.3: a voter that heard its leader lately denies, and keeps its term", ({
    expect,
  }) => {
    const bench = new Bench({ term: 2 });
    bench.receive("heartbeat", 2);
    bench.now += 499;
    const preVote = bench.receive("preVote", 3, { term: 3 });
    expect(sent(preVote, "preVoteAnswer")).toMatchObject([{ granted: false, term: 2 }]);
    expect(bench.receive("vote", 3, { term: 3 }).messages).toEqual([]);
    expect(bench.node.status()).toMatchObject({ term: 2, leader: member(2) });
    bench.now += 1;
    const later = bench.receive("vote", 3, { term: 3 });
    expect(sent(later, "voteAnswer")).toMatchObject([{ granted: true, term: 3 }]);
  });

  it("thesis §4.2.3: a leader in touch with a quorum denies too", ({ expect }) => {
    const bench = new Bench();
    bench.serve();
    expect(bench.receive("vote", 3, { term: 9, lastIndex: 9, lastTerm: 8 }).messages).toEqual([]);
    expect(bench.node.status()).toMatchObject({ role: "leader", term: 1 });
  });

  it("an urged campaign is granted all the same, and asks with that mark", ({ expect }) => {
    const voter = new Bench({ term: 2 });
    voter.receive("heartbeat", 2);
    const granted = voter.receive("vote", 3, { term: 3, urged: true });
    expect(sent(granted, "voteAnswer")).toMatchObject([{ granted: true, term: 3 }]);
    const asking = new Bench();
    asking.node.campaign(at(0));
    expect(sent(asking.node.takeReady(), "preVote")).toMatchObject([
      { urged: true },
      { urged: true },
    ]);
    const stood = asking.receive("preVoteAnswer", 2, { term: 1 });
    expect(sent(stood, "vote")).toMatchObject([{ urged: true }, { urged: true }]);
  });
});

describe("thesis §6.2: CheckQuorum", () => {
  it("thesis §6.2: a leader that hears no quorum for an election timeout steps down", ({
    expect,
  }) => {
    const bench = new Bench({ voters: [1, 2, 3, 4, 5], timing: { quiesceMs: null } });
    bench.serve([2, 3]);
    for (let passed = 0; passed < 1_800; passed += 100) {
      bench.pass(100);
      // One of four peers is no quorum.
      bench.receive("heartbeatAnswer", 2);
      if (passed < 900) bench.receive("heartbeatAnswer", 3);
      expect(bench.node.status().role, `after ${passed}`).toBe("leader");
    }
    bench.pass(100);
    expect(bench.node.status()).toMatchObject({ role: "follower", term: 1, leader: null });
  });

  it("thesis §6.2: a single voter is always in touch", ({ expect }) => {
    const bench = new Bench({ voters: [1] });
    bench.pass(1_000);
    for (let n = 0; n < 5; n++) bench.pass(5_000);
    expect(bench.node.status()).toMatchObject({ role: "leader", serving: true, commit: 1 });
  });
});
