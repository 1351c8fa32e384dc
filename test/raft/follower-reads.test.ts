// Goal: a follower's read is as linearizable as its leader's, and is answered in the end (thesis
// §6.4). Method: one node, as the follower that asks or as the leader that is asked.

import { describe, it } from "vitest";

import { at, Bench, entriesOf, member, sent } from "./bench.ts";

/** A follower of 2 in term 1, with two entries of which it knows one to be committed. */
function follower(): Bench {
  const bench = new Bench({ entries: entriesOf([1, 1]), term: 1 });
  bench.receive("heartbeat", 2, { commit: 1 });
  return bench;
}

/** Reads, and returns the rounds that the leader is asked for. */
function read(bench: Bench): { token: number | null; rounds: number[] } {
  const token = bench.node.readIndex(at(bench.now));
  const rounds = sent(bench.node.takeReady(), "readRequest", 2).map(({ round }) => round);
  return { token, rounds };
}

describe("thesis §6.4: a follower that reads", () => {
  it("asks its leader for an index, and no commit index comes of it", ({ expect }) => {
    const bench = follower();
    expect(read(bench)).toEqual({ token: 1, rounds: [1] });
    const { reads, committed } = bench.receive("readAnswer", 2, { round: 1, index: 2 });
    expect(reads).toEqual([{ token: 1, index: 2 }]);
    expect(committed).toEqual([]);
    expect(bench.node.status().commit).toBe(1);
  });

  it("asks nobody while it knows no leader", ({ expect }) => {
    expect(read(new Bench({ term: 1 }))).toEqual({ token: null, rounds: [] });
  });

  it("asks one question at a time, on behalf of all that wait by then", ({ expect }) => {
    const bench = follower();
    read(bench);
    expect(read(bench).rounds).toEqual([]);
    expect(read(bench).rounds).toEqual([]);
    const first = bench.receive("readAnswer", 2, { round: 1, index: 2 });
    expect(first.reads).toEqual([{ token: 1, index: 2 }]);
    expect(sent(first, "readRequest")).toMatchObject([{ round: 2 }]);
    const second = bench.receive("readAnswer", 2, { round: 2, index: 2 });
    expect(second.reads.map(({ token }) => token)).toEqual([2, 3]);
  });

  it("asks again when no answer comes, and the later answer serves the earlier reads", ({
    expect,
  }) => {
    const bench = follower();
    read(bench);
    bench.receive("heartbeat", 2);
    expect(sent(bench.pass(299), "readRequest")).toEqual([]);
    expect(sent(bench.pass(1), "readRequest")).toMatchObject([{ round: 2 }]);
    const ready = bench.receive("readAnswer", 2, { round: 2, index: 2 });
    expect(ready.reads).toEqual([{ token: 1, index: 2 }]);
  });

  const useless = [
    { answer: "of an earlier round", fields: { round: 1 } },
    { answer: "to another instance", fields: { round: 2, incarnation: 9 } },
    { answer: "of an earlier term", fields: { round: 2, term: 0 } },
  ];

  it.for(useless)("takes nothing from an answer $answer", ({ fields }, { expect }) => {
    const bench = follower();
    read(bench);
    bench.receive("readAnswer", 2, { round: 1, index: 1 });
    read(bench);
    expect(bench.receive("readAnswer", 2, { index: 2, ...fields }).reads).toEqual([]);
  });

  const ends = [
    {
      end: "a later term begins",
      run: (bench: Bench) => bench.receive("heartbeat", 3, { term: 2 }),
    },
    {
      end: "its leader is missed",
      run: (bench: Bench) => {
        bench.pass(1_000);
        return bench.pass(0);
      },
    },
  ];

  it.for(ends)("gives its reads up when $end", ({ run }, { expect }) => {
    const bench = follower();
    read(bench);
    const lost = [...run(bench).readsLost, ...bench.pass(300).readsLost];
    expect(lost).toEqual([1]);
    const late = bench.receive("readAnswer", 2, { round: 1, index: 2 });
    expect(late.reads).toEqual([]);
  });
});

describe("thesis §6.4: a leader that is asked by a follower", () => {
  const answersOf = (bench: Bench, round: number) =>
    sent(bench.receive("heartbeatAnswer", 2, { round, lastIndex: 1 }), "readAnswer", 3);

  it("answers once a round that began after the question is confirmed", ({ expect }) => {
    const bench = new Bench();
    bench.serve();
    const asked = bench.receive("readRequest", 3, { round: 7, incarnation: 4 });
    expect(sent(asked, "readAnswer")).toEqual([]);
    expect(sent(asked, "heartbeat")).toMatchObject([{ round: 1 }, { round: 1 }]);
    expect(answersOf(bench, 1)).toMatchObject([{ round: 7, incarnation: 4, index: 1 }]);
  });

  it("does not answer by a round that had left before", ({ expect }) => {
    const bench = new Bench();
    bench.serve();
    bench.node.readIndex(at(bench.now));
    bench.node.takeReady();
    bench.receive("readRequest", 3, { round: 7 });
    expect(answersOf(bench, 1)).toEqual([]);
    expect(answersOf(bench, 2)).toMatchObject([{ round: 7 }]);
  });

  it("does not answer before it has committed in its term", ({ expect }) => {
    const bench = new Bench();
    bench.lead();
    bench.receive("readRequest", 3, { round: 7 });
    expect(answersOf(bench, 0)).toEqual([]);
    bench.accept(2);
    expect(answersOf(bench, 1)).toMatchObject([{ round: 7 }]);
  });

  it("answers no stranger", ({ expect }) => {
    const bench = new Bench();
    bench.serve();
    expect(bench.receive("readRequest", 9, { round: 1 }).messages).toEqual([]);
  });

  it("answers nobody once it leads no more", ({ expect }) => {
    const bench = new Bench();
    bench.serve();
    bench.receive("readRequest", 3, { round: 7 });
    const deposed = bench.receive("heartbeat", 2, { term: 2 });
    // The follower asks the next leader; the tokens of its reads are none of this node's owner's.
    expect(deposed.readsLost).toEqual([]);
    expect(answersOf(bench, 1)).toEqual([]);
  });

  it("answers of several questions of one follower the latest only", ({ expect }) => {
    const bench = new Bench();
    bench.serve();
    bench.node.readIndex(at(bench.now));
    for (const round of [7, 9, 8]) bench.receive("readRequest", 3, { round });
    answersOf(bench, 1);
    expect(answersOf(bench, 2)).toMatchObject([{ round: 9 }]);
  });

  it("answers another instance's question rather than an earlier one's", ({ expect }) => {
    const bench = new Bench();
    bench.serve();
    bench.node.readIndex(at(bench.now));
    bench.receive("readRequest", 3, { round: 70, incarnation: 1 });
    bench.receive("readRequest", 3, { round: 1, incarnation: 2 });
    answersOf(bench, 1);
    expect(answersOf(bench, 2)).toMatchObject([{ round: 1, incarnation: 2 }]);
  });

  // Where a quorum is further away than a follower is patient, it asks again before each answer.
  it("answers each question in its turn, though a later one has arrived", ({ expect }) => {
    const bench = new Bench();
    bench.serve();
    bench.receive("readRequest", 3, { round: 1 });
    const answered: number[] = [];
    for (let n = 1; n <= 5; n++) {
      bench.receive("readRequest", 3, { round: n + 1 });
      answered.push(...answersOf(bench, n).map(({ round }) => round));
    }
    expect(answered).toEqual([1, 2, 3, 4, 5]);
  });

  it("wakes for it", ({ expect }) => {
    const bench = new Bench({ voters: [1, 2], timing: { quiesceMs: 100 } });
    bench.serve();
    bench.pass(100);
    bench.receive("heartbeatAnswer", 2, { lastIndex: 1, sentAt: bench.now });
    bench.pass(100);
    expect(bench.node.status().isAsleep).toBe(true);
    const asked = bench.receive("readRequest", 2, { round: 1 });
    expect(sent(asked, "heartbeat")).toMatchObject([{ to: member(2), round: 1 }]);
    expect(bench.node.status().isAsleep).toBe(false);
  });
});
