// Goal: who takes part changes without a moment at which two halves could decide apart (Raft §6,
// thesis chapter 4). Method: one node whose configuration changes, peers played by the test.

import { describe, it } from "vitest";

import { Writer } from "../../src/base/codec.ts";
import { ENTRY_CONFIGURATION } from "../../src/base/entry-kinds.ts";
import { writeConfiguration } from "../../src/base/membership-codec.ts";
import { asTerm } from "../../src/base/types.ts";
import { assertFollows, leaveJoint, nextConfiguration } from "../../src/raft/configuration.ts";
import type { Ready } from "../../src/raft/ready.ts";
import type { Configuration, Entry, Payload } from "../../src/raft/types.ts";
import { at, Bench, entriesOf, index, member, sent } from "./bench.ts";

interface Lists {
  readonly voters: readonly number[];
  readonly outgoing?: readonly number[];
  readonly learners?: readonly number[];
}

const configuration = ({ voters, outgoing = [], learners = [] }: Lists): Configuration => ({
  voters: voters.map(member),
  outgoing: outgoing.map(member),
  learners: learners.map(member),
});

const change = (lists: Lists): Payload => {
  const data = new Writer();
  writeConfiguration(data, configuration(lists));
  return { kind: ENTRY_CONFIGURATION, data: data.finish() };
};

const changeEntry = (lists: Lists, place: { index: number; term: number }): Entry => ({
  index: index(place.index),
  term: asTerm(place.term),
  ...change(lists),
});

/** Proposes a change; null when it is refused. */
function propose(bench: Bench, lists: Lists): Ready | null {
  const proposed = bench.node.change(change(lists), at(bench.now));
  return proposed === null ? null : bench.node.takeReady();
}

/** A leader that has brought `lists` about, by the answers of `voters`. */
function changed(bench: Bench, lists: Lists, voters: readonly number[]): Bench {
  bench.serve(voters);
  propose(bench, lists);
  for (const voter of voters) bench.accept(voter);
  if (bench.node.configuration.voters.length !== lists.voters.length) throw new Error("no change");
  return bench;
}

const JOINT = { voters: [1, 4, 5], outgoing: [1, 2, 3] };
const joint = (): Bench => changed(new Bench({ learners: [4, 5] }), JOINT, [2, 3]);

describe("thesis §4.3: while a change is joint, a majority of both lists decides", () => {
  const quorums = [
    { by: [2], decides: false },
    { by: [4], decides: false },
    { by: [4, 5], decides: false },
    { by: [2, 3], decides: false },
    { by: [2, 4], decides: true },
    { by: [3, 5], decides: true },
  ];

  it.for(quorums)("a commit, by $by: $decides", ({ by, decides }, { expect }) => {
    const bench = joint();
    bench.propose("x");
    const { lastIndex } = bench.node.status();
    for (const peer of by) bench.accept(peer, lastIndex);
    expect(bench.node.status().commit === lastIndex).toBe(decides);
  });

  it.for(quorums)("an election, by $by: $decides", ({ by, decides }, { expect }) => {
    const bench = new Bench({
      term: 1,
      entries: [...entriesOf([1]), changeEntry(JOINT, { index: 2, term: 1 })],
    });
    bench.receive("heartbeat", 2, { commit: 2 });
    bench.stand([2, 3, 4, 5]);
    for (const voter of by) bench.receive("voteAnswer", voter);
    expect(bench.node.status().role === "leader").toBe(decides);
  });

  it.for(quorums)("a read round, by $by: $decides", ({ by, decides }, { expect }) => {
    const bench = joint();
    for (const peer of [2, 3, 4, 5]) bench.accept(peer);
    bench.node.readIndex(at(bench.now));
    const [heartbeat] = sent(bench.node.takeReady(), "heartbeat");
    const { round } = heartbeat!;
    const reads = by.flatMap((peer) => bench.receive("heartbeatAnswer", peer, { round }).reads);
    expect(reads.length > 0).toBe(decides);
  });

  it("whether a leader is in touch: with one list alone it steps down", ({ expect }) => {
    const bench = joint();
    for (let n = 0; n < 12; n++) {
      bench.pass(100);
      for (const peer of [4, 5]) bench.receive("heartbeatAnswer", peer, { sentAt: bench.now });
    }
    expect(bench.node.status().role).toBe("follower");
  });
});

describe("thesis §4.1: one change at a time", () => {
  it("a second one is refused until the first is applied", ({ expect }) => {
    const bench = new Bench();
    bench.serve();
    expect(propose(bench, { voters: [1, 2, 3, 4] })).not.toBeNull();
    expect(propose(bench, { voters: [1, 2, 3] })).toBeNull();
    bench.accept(2);
    expect(propose(bench, { voters: [1, 2, 3] })).not.toBeNull();
  });

  // Ongaro 2015, the single-server change bug: the earlier leader's change may be alive elsewhere.
  it("a leader that has not committed in its term changes nothing", ({ expect }) => {
    const bench = new Bench({ entries: entriesOf([1]), applied: 1 });
    bench.lead();
    expect(propose(bench, { voters: [1, 2, 3, 4] })).toBeNull();
    bench.accept(2);
    expect(propose(bench, { voters: [1, 2, 3, 4] })).not.toBeNull();
  });

  it("one that an earlier leader left in the log is applied before the next", ({ expect }) => {
    const left = changeEntry({ voters: [1, 2] }, { index: 2, term: 1 });
    const bench = new Bench({ entries: [...entriesOf([1]), left], term: 1 });
    bench.lead([3]);
    bench.step("appendAnswer", 3, { index: 3 });
    // Committed, and not applied as yet.
    expect(bench.node.change(change({ voters: [1, 2] }), at(bench.now))).toBeNull();
    bench.node.takeReady();
    expect(bench.node.configuration.voters).toHaveLength(2);
    expect(propose(bench, { voters: [1] })).not.toBeNull();
  });

  it("only a leader proposes one", ({ expect }) => {
    expect(propose(new Bench(), { voters: [1, 2] })).toBeNull();
  });

  const steps: { from: Lists; to: Lists; follows: boolean }[] = [
    { from: { voters: [1, 2, 3] }, to: { voters: [1, 2, 3, 4] }, follows: true },
    { from: { voters: [1, 2, 3] }, to: { voters: [1, 2] }, follows: true },
    { from: { voters: [1, 2, 3] }, to: { voters: [1, 2, 3], learners: [4, 5] }, follows: true },
    { from: { voters: [1, 2, 3] }, to: { voters: [1, 2, 4] }, follows: false },
    { from: { voters: [1, 2, 3] }, to: { voters: [1] }, follows: false },
    { from: { voters: [1, 2, 3] }, to: { voters: [1, 4], outgoing: [1, 2, 3] }, follows: true },
    { from: { voters: [1, 2, 3] }, to: { voters: [1, 4], outgoing: [1, 2] }, follows: false },
    { from: { voters: [1, 4], outgoing: [1, 2, 3] }, to: { voters: [1, 4] }, follows: true },
    { from: { voters: [1, 4], outgoing: [1, 2, 3] }, to: { voters: [1, 2, 3] }, follows: false },
    { from: { voters: [1] }, to: { voters: [] }, follows: false },
    { from: { voters: [1, 2] }, to: { voters: [1, 2], learners: [2] }, follows: false },
  ];

  it.for(steps)("from $from to $to: $follows", ({ from, to, follows }, { expect }) => {
    const step = (): void => assertFollows(configuration(from), configuration(to));
    if (follows) expect(step).not.toThrow();
    else expect(step).toThrow();
  });

  it("more than one voter changes jointly, one alone does not", ({ expect }) => {
    const from = configuration({ voters: [1, 2, 3] });
    const many = nextConfiguration(from, configuration({ voters: [1, 2, 4] }));
    expect(many).toEqual(configuration({ voters: [1, 2, 4], outgoing: [1, 2, 3] }));
    expect(leaveJoint(many)).toEqual(configuration({ voters: [1, 2, 4] }));
    const one = configuration({ voters: [1, 2, 3, 4] });
    expect(nextConfiguration(from, one)).toEqual(one);
  });
});

describe("a change takes effect when it is applied", () => {
  it("and not before: the old majority commits it", ({ expect }) => {
    const bench = new Bench({ voters: [1, 2, 3, 4], learners: [5] });
    bench.serve([2, 3]);
    propose(bench, { voters: [1, 2, 3, 4, 5] });
    bench.accept(2);
    expect(bench.node.configuration.voters).toHaveLength(4);
    bench.accept(3);
    expect(bench.node.configuration.voters).toHaveLength(5);
  });

  it("and a smaller majority may then have committed more", ({ expect }) => {
    const bench = new Bench({ voters: [1, 2, 3, 4] });
    bench.serve([2, 3]);
    propose(bench, { voters: [1, 2, 3] });
    bench.propose("x");
    bench.accept(2);
    expect(bench.node.status().commit).toBe(1);
    bench.accept(3, 2);
    // Of three voters, two hold the third entry.
    expect(bench.node.status().commit).toBe(3);
  });

  it("so a follower that holds one campaigns by the old list, once it may", ({ expect }) => {
    const entry = changeEntry({ voters: [1, 2, 3, 4] }, { index: 2, term: 1 });
    const held = new Bench({ entries: [...entriesOf([1]), entry], term: 1 });
    held.now = 1_000;
    expect(sent(held.pass(0), "preVote")).toHaveLength(2);
    held.receive("heartbeat", 2, { commit: 2 });
    expect(sent(held.pass(1_000), "preVote")).toHaveLength(3);
  });

  it("and nobody campaigns with a committed one that is not applied", ({ expect }) => {
    const entry = changeEntry({ voters: [1, 2, 3, 4] }, { index: 2, term: 1 });
    const bench = new Bench({ entries: [...entriesOf([1]), entry], term: 1 });
    bench.step("heartbeat", 2, { commit: 2 });
    expect(() => bench.pass(1_000)).toThrow(/applied before a campaign/);
  });

  it("a new member is replicated to at once, and one that left no more", ({ expect }) => {
    const bench = new Bench();
    bench.serve([2, 3]);
    propose(bench, { voters: [1, 2], learners: [4] });
    const { messages } = bench.accept(2);
    expect(messages).toMatchObject(
      expect.arrayContaining([expect.objectContaining({ kind: "append", to: member(4) })]),
    );
    const later = bench.propose("x");
    expect(sent(later, "append").map(({ to }) => to)).not.toContain(member(3));
    expect(bench.accept(3).messages).toEqual([]);
  });
});

describe("thesis §4.2.2: a leader that is removed", () => {
  it("tells who is left, and then follows", ({ expect }) => {
    const bench = new Bench();
    bench.serve([2, 3]);
    propose(bench, { voters: [2, 3] });
    const told = sent(bench.accept(2), "append");
    expect(told).toMatchObject([2, 3].map((to) => ({ to: member(to), commit: 2 })));
    expect(bench.node.status()).toMatchObject({ role: "learner", leader: null, commit: 2 });
  });

  it("does not count itself while it manages the change", ({ expect }) => {
    const bench = changed(new Bench(), { voters: [2, 3, 4], outgoing: [1, 2, 3] }, [2, 3]);
    propose(bench, { voters: [2, 3, 4] });
    bench.accept(2);
    expect(bench.node.status().commit).toBe(2);
    bench.accept(3);
    expect(bench.node.status()).toMatchObject({ commit: 3, role: "learner" });
  });

  it("does not resume its term after a restart", ({ expect }) => {
    const bench = changed(new Bench(), { voters: [1, 2, 3, 4] }, [2, 3]);
    const again = new Bench({ storage: bench.storage, voters: [2, 3, 4], applied: 2 });
    expect(again.node.status()).toMatchObject({ role: "learner", leader: null });
  });

  it("loses its reads to the next", ({ expect }) => {
    const bench = new Bench();
    bench.serve([2, 3]);
    propose(bench, { voters: [2, 3] });
    bench.node.readIndex(at(bench.now));
    bench.node.takeReady();
    expect(bench.accept(2).readsLost).toEqual([1]);
  });
});

describe("a learner", () => {
  it("is never counted: not for a commit, a vote, a read round, or being in touch", ({
    expect,
  }) => {
    const bench = new Bench({ learners: [4, 5] });
    bench.stand();
    for (const peer of [4, 5]) bench.receive("voteAnswer", peer);
    expect(bench.node.status().role).toBe("candidate");
    bench.receive("voteAnswer", 2);
    for (const peer of [4, 5]) bench.accept(peer);
    expect(bench.node.status().commit).toBe(0);
    bench.accept(2);
    bench.node.readIndex(at(bench.now));
    const [heartbeat] = sent(bench.node.takeReady(), "heartbeat");
    for (const peer of [4, 5]) {
      const { round } = heartbeat!;
      expect(bench.receive("heartbeatAnswer", peer, { round }).reads).toEqual([]);
    }
    for (let n = 0; n < 12; n++) {
      bench.pass(100);
      for (const peer of [4, 5]) bench.receive("heartbeatAnswer", peer, { sentAt: bench.now });
    }
    expect(bench.node.status().role).toBe("follower");
  });

  it("grants its vote, for it may have become a voter and not know it", ({ expect }) => {
    const bench = new Bench({ id: 4, learners: [4], term: 1 });
    const ready = bench.receive("vote", 2, { term: 2 });
    expect(sent(ready, "voteAnswer")).toMatchObject([{ granted: true }]);
  });

  it("that becomes a voter campaigns like one", ({ expect }) => {
    const entry = changeEntry({ voters: [1, 2, 3, 4] }, { index: 2, term: 1 });
    const bench = new Bench({ id: 4, learners: [4], entries: [...entriesOf([1]), entry], term: 1 });
    bench.receive("heartbeat", 2, { commit: 2 });
    expect(bench.node.status().role).toBe("follower");
    expect(sent(bench.pass(1_000), "preVote")).toHaveLength(3);
  });
});
