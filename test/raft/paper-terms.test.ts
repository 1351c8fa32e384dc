// Goal: the rules for terms and roles. Method: each test holds one node to one or two sentences of
// the paper (Raft = Ongaro & Ousterhout 2014; thesis = Ongaro 2014).

import { describe, it } from "vitest";

import { Bench, entriesOf, member, sent, type Fields } from "./bench.ts";

describe("§5.1: terms", () => {
  const later: { kind: "append" | "heartbeat" | "vote"; fields: Fields<"append"> }[] = [
    { kind: "append", fields: { term: 5 } },
    { kind: "heartbeat", fields: { term: 5 } },
    { kind: "vote", fields: { term: 5 } },
  ];

  for (const { kind, fields } of later) {
    it(`§5.1: a follower enters the later term of a ${kind}`, ({ expect }) => {
      const bench = new Bench({ term: 2 });
      bench.receive(kind, 2, fields);
      expect(bench.node.status()).toMatchObject({ term: 5, role: "follower" });
      expect(bench.storage.hardState().term).toBe(5);
    });

    it(`§5.1: a candidate that meets a later term in a ${kind} follows`, ({ expect }) => {
      const bench = new Bench({ term: 2 });
      bench.stand();
      expect(bench.node.status()).toMatchObject({ term: 3, role: "candidate" });
      bench.receive(kind, 2, fields);
      expect(bench.node.status()).toMatchObject({ term: 5, role: "follower" });
    });
  }

  it("§5.1: a leader that meets a later term in an answer steps down", ({ expect }) => {
    for (const kind of ["appendAnswer", "heartbeatAnswer", "voteAnswer"] as const) {
      const bench = new Bench();
      bench.lead();
      bench.receive(kind, 2, { term: 9 });
      expect(bench.node.status()).toMatchObject({ term: 9, role: "follower", leader: null });
    }
  });

  it("§5.1: a denied pre-vote teaches the later term", ({ expect }) => {
    const bench = new Bench({ term: 2 });
    bench.pass(1_000);
    bench.receive("preVoteAnswer", 2, { term: 6, granted: false });
    expect(bench.node.status()).toMatchObject({ term: 6, role: "follower" });
  });

  it("§5.1: a leader of an earlier term is refused, and told the later one", ({ expect }) => {
    const bench = new Bench({ term: 4 });
    const append = bench.receive("append", 2, { term: 3, entries: entriesOf([3]) });
    // Not as an append is answered: the sender may lead term 4, and must not take it for news.
    expect(sent(append, "heartbeatAnswer")).toMatchObject([{ term: 4, round: 0 }]);
    const heartbeat = bench.receive("heartbeat", 2, { term: 3, round: 8 });
    // The round is not confirmed: this voter no longer follows the sender.
    expect(sent(heartbeat, "heartbeatAnswer")).toMatchObject([{ term: 4, round: 0 }]);
    expect(bench.storage.lastIndex()).toBe(0);
    expect(bench.node.status().leader).toBeNull();
  });

  it("§5.1: a candidate of an earlier term is denied, and told the later one", ({ expect }) => {
    const bench = new Bench({ term: 4 });
    const vote = bench.receive("vote", 2, { term: 3, lastIndex: 9, lastTerm: 3 });
    expect(sent(vote, "voteAnswer")).toMatchObject([{ term: 4, granted: false }]);
    const preVote = bench.receive("preVote", 2, { term: 3, lastIndex: 9, lastTerm: 3 });
    expect(sent(preVote, "preVoteAnswer")).toMatchObject([{ term: 4, granted: false }]);
  });

  it("§5.1: answers of an earlier term change nothing", ({ expect }) => {
    const bench = new Bench();
    bench.serve();
    bench.propose("x");
    const before = bench.node.status();
    bench.receive("appendAnswer", 2, { term: 0, index: 2 });
    bench.receive("voteAnswer", 2, { term: 0, granted: false });
    expect(bench.node.status()).toEqual(before);
  });
});

describe("§5.2: terms have one leader", () => {
  it("§5.2: a second leader in a term is a broken invariant", ({ expect }) => {
    const bench = new Bench({ term: 2 });
    bench.receive("heartbeat", 2);
    expect(() => bench.receive("heartbeat", 3)).toThrow(/term 2 has one leader/);
  });

  it("§5.2: a message for another node is dropped", ({ expect }) => {
    const bench = new Bench({ term: 2 });
    const message = { ...bench.message("heartbeat", 2, { term: 7 }), to: member(3) };
    bench.node.step(message, 0 as never);
    expect(bench.node.hasReady()).toBe(false);
    expect(bench.node.status().term).toBe(2);
  });

  it("figure 2: the hard state is written when it changes, and only then", ({ expect }) => {
    const bench = new Bench({ term: 2 });
    bench.receive("heartbeat", 2);
    bench.receive("append", 2);
    bench.receive("preVote", 3, { term: 3, urged: true });
    expect(bench.storage.writes).toBe(0);
    bench.receive("heartbeat", 2, { term: 3 });
    expect(bench.storage.writes).toBe(1);
  });
});
