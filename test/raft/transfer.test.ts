// Goal: leadership is handed over without a gap, and a hand-over that fails costs nothing (Raft
// thesis §3.10). Method: one node, as the leader that hands over, the target, or a voter.

import { describe, it } from "vitest";

import { asTerm } from "../../src/base/types.ts";
import { at, Bench, entriesOf, index, member, sent } from "./bench.ts";
import { EMPTY_IMAGE, MemoryStorage } from "./memory-storage.ts";

const transfer = (bench: Bench, target: number) => {
  bench.node.transfer(member(target), at(bench.now));
  return bench.node.takeReady();
};

/** Lets `ms` pass while every peer answers. */
function beat(bench: Bench, ms: number, answering: readonly number[] = [2, 3]): void {
  for (let passed = 0; passed < ms; passed += 100) {
    for (const { to, sentAt } of sent(bench.pass(100), "heartbeat")) {
      if (answering.includes(Number(to))) {
        bench.receive("heartbeatAnswer", Number(to), { sentAt, lastIndex: 0 });
      }
    }
  }
}

describe("thesis §3.10: a leader that hands over", () => {
  it("tells a target that has everything at once", ({ expect }) => {
    const bench = new Bench();
    bench.serve([2, 3]);
    expect(sent(transfer(bench, 3), "timeoutNow")).toMatchObject([{ to: member(3), term: 1 }]);
    expect(bench.node.status().isHandingOver).toBe(true);
  });

  it("brings another up to date first", ({ expect }) => {
    const bench = new Bench();
    bench.serve([2, 3]);
    bench.propose("x");
    expect(sent(transfer(bench, 3), "timeoutNow")).toEqual([]);
    expect(sent(bench.accept(2), "timeoutNow")).toEqual([]);
    expect(sent(bench.accept(3), "timeoutNow")).toMatchObject([{ to: member(3) }]);
  });

  it("tells it again with each answer, for the first may be lost", ({ expect }) => {
    const bench = new Bench();
    bench.serve([2, 3]);
    transfer(bench, 3);
    const again = bench.receive("heartbeatAnswer", 3, { lastIndex: 1 });
    expect(sent(again, "timeoutNow")).toHaveLength(1);
    expect(sent(bench.receive("heartbeatAnswer", 2, { lastIndex: 1 }), "timeoutNow")).toEqual([]);
  });

  it("gives up after an election timeout, and leads on", ({ expect }) => {
    const bench = new Bench();
    bench.serve([2, 3]);
    bench.propose("x");
    transfer(bench, 3);
    beat(bench, 900);
    expect(bench.node.status().isHandingOver).toBe(true);
    beat(bench, 100);
    expect(bench.node.status()).toMatchObject({ isHandingOver: false, role: "leader", term: 1 });
    expect(sent(bench.accept(3), "timeoutNow")).toEqual([]);
  });

  it("follows the target once that has won", ({ expect }) => {
    const bench = new Bench();
    bench.serve([2, 3]);
    transfer(bench, 3);
    bench.receive("vote", 3, { term: 2, lastIndex: 1, lastTerm: 1, handedOver: true });
    expect(bench.node.status()).toMatchObject({ role: "follower", term: 2, isHandingOver: false });
  });

  it("does not tell a target that lags behind its trimmed log, and gives up", ({ expect }) => {
    const image = {
      ...EMPTY_IMAGE,
      hardState: { term: asTerm(2), vote: null },
      trimmed: { index: index(5), term: asTerm(2) },
      entries: entriesOf([2], { first: 6, before: 2 }),
    };
    const bench = new Bench({ storage: new MemoryStorage(image), applied: 6 });
    bench.serve([2]);
    bench.receive("appendAnswer", 3, { index: 6, rejected: { hintIndex: 1, hintTerm: 1 } });
    expect(bench.node.peers()[1]).toMatchObject({ state: "snapshot" });
    transfer(bench, 3);
    beat(bench, 1_000);
    expect(bench.node.status()).toMatchObject({ isHandingOver: false, role: "leader" });
  });

  it("wakes for it", ({ expect }) => {
    const bench = new Bench({ timing: { quiesceMs: 100 } });
    bench.serve([2, 3]);
    beat(bench, 500);
    expect(bench.node.status().isAsleep).toBe(true);
    transfer(bench, 3);
    expect(bench.node.status().isAsleep).toBe(false);
  });

  it.for([1, 4, 9])("hands over to another voter only: not to %i", (target, { expect }) => {
    const bench = new Bench({ learners: [4] });
    bench.serve();
    expect(() => transfer(bench, target)).toThrow(/a voter takes over/);
  });
});

describe("thesis §3.10: the target", () => {
  const told = (options = {}) => {
    const bench = new Bench({ entries: entriesOf([1]), term: 1, ...options });
    bench.receive("heartbeat", 2);
    return { bench, ready: bench.receive("timeoutNow", 2) };
  };

  it("campaigns at once in the next term, with its leader's word, and without asking twice", ({
    expect,
  }) => {
    const { bench, ready } = told();
    expect(ready.messages).toMatchObject([
      { kind: "vote", to: member(2), term: 2, handedOver: true },
      { kind: "vote", to: member(3), term: 2, handedOver: true },
    ]);
    expect(bench.storage.hardState()).toEqual({ term: 2, vote: member(1) });
  });

  it("campaigns once, though it is told twice", ({ expect }) => {
    const { bench } = told();
    const again = bench.receive("timeoutNow", 2, { term: 1 });
    expect(sent(again, "vote")).toEqual([]);
    expect(bench.node.status()).toMatchObject({ role: "candidate", term: 2 });
  });

  it("does not depose a later leader, though it is told late", ({ expect }) => {
    const bench = new Bench({ entries: entriesOf([1]), term: 1 });
    bench.receive("heartbeat", 3, { term: 2 });
    bench.receive("timeoutNow", 2, { term: 1 });
    expect(bench.node.status()).toMatchObject({ role: "follower", term: 2, leader: member(3) });
  });

  it("does not listen to an instance of its leader that is over", ({ expect }) => {
    const bench = new Bench({ entries: entriesOf([1]), term: 1 });
    bench.receive("heartbeat", 2, { incarnation: 4 });
    bench.receive("timeoutNow", 2, { incarnation: 3 });
    expect(bench.node.status()).toMatchObject({ role: "follower", term: 1 });
  });

  it("does nothing while it does not know that it has a vote", ({ expect }) => {
    const { bench, ready } = told({ id: 4, learners: [4] });
    expect(ready.messages).toEqual([]);
    expect(bench.node.status()).toMatchObject({ role: "learner", term: 1 });
  });
});

describe("thesis §3.10: a voter", () => {
  const vote = { term: 2, lastIndex: 1, lastTerm: 1 };

  it.for([true, false])(
    "that hears its leader grants if that has handed over: %s",
    (handedOver, { expect }) => {
      const bench = new Bench({ entries: entriesOf([1]), term: 1 });
      bench.receive("heartbeat", 2);
      const answers = sent(bench.receive("vote", 3, { ...vote, handedOver }), "voteAnswer");
      expect(answers.map(({ granted }) => granted)).toEqual(handedOver ? [true] : []);
    },
  );

  it("grants no shorter log, though its leader has handed over", ({ expect }) => {
    const bench = new Bench({ entries: entriesOf([1, 1]), term: 1 });
    const ready = bench.receive("vote", 3, { ...vote, handedOver: true });
    expect(sent(ready, "voteAnswer")).toMatchObject([{ granted: false }]);
  });
});
