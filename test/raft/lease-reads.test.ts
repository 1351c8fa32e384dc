// Goal: a read without a round is safe, or is not given (thesis §6.4.1). Method: one leader, or one
// voter that has promised to elect nobody else; what it says and when, by table.

import { describe, it } from "vitest";

import { LEASE_DRIFT } from "../../src/raft/timing.ts";
import { at, Bench, entriesOf, member, sent, type BenchOptions } from "./bench.ts";

const LEASED = { timing: { leaseReads: true } } satisfies BenchOptions;

/** A leader of three that is heard by voter 2 at `bench.now`. */
function leaseholder(options: BenchOptions = LEASED): Bench {
  const bench = new Bench(options);
  bench.serve();
  beat(bench);
  return bench;
}

/** Voter 2 answers a heartbeat that is sent now. */
function beat(bench: Bench): void {
  const [heartbeat] = sent(bench.pass(100), "heartbeat", 2);
  const { sentAt, round } = heartbeat!;
  bench.receive("heartbeatAnswer", 2, { sentAt, round, lastIndex: bench.storage.lastIndex() });
}

/** Whether a read is answered at once, without a message. */
function readsAtOnce(bench: Bench): boolean {
  bench.node.readIndex(at(bench.now));
  const { reads, messages } = bench.node.takeReady();
  return reads.length === 1 && messages.length === 0;
}

describe("thesis §6.4.1: a leader answers a read without a round", () => {
  it("while a quorum has followed it within the minimum election timeout, less drift", ({
    expect,
  }) => {
    const bench = leaseholder();
    bench.now += 500 * (1 - LEASE_DRIFT) - 1;
    expect(readsAtOnce(bench)).toBe(true);
    bench.now += 1;
    expect(readsAtOnce(bench)).toBe(false);
  });

  it("counted from when the heartbeat was sent, not from when it was answered", ({ expect }) => {
    const bench = new Bench(LEASED);
    bench.serve();
    const [heartbeat] = sent(bench.pass(100), "heartbeat", 2);
    bench.now += 399;
    bench.receive("heartbeatAnswer", 2, { sentAt: heartbeat!.sentAt, lastIndex: 1 });
    expect(readsAtOnce(bench)).toBe(true);
    bench.now += 1;
    expect(readsAtOnce(bench)).toBe(false);
  });

  const without: { why: string; lose: () => Bench }[] = [
    { why: "unless it is told to: the option is off", lose: () => leaseholder({}) },
    {
      why: "but not before it has committed in its term",
      lose: () => {
        const bench = new Bench(LEASED);
        bench.lead();
        beat(bench);
        return bench;
      },
    },
    {
      why: "but not on an append's answer, which does not say when it was asked",
      lose: () => {
        const bench = new Bench(LEASED);
        bench.serve([2, 3]);
        return bench;
      },
    },
    {
      why: "but not on a learner's answer",
      lose: () => {
        const bench = new Bench({ ...LEASED, learners: [4] });
        bench.serve();
        bench.pass(100);
        bench.receive("heartbeatAnswer", 4, { sentAt: bench.now, lastIndex: 1 });
        return bench;
      },
    },
    {
      why: "but not once it has handed over, though the hand-over was given up",
      lose: () => {
        const bench = leaseholder({ timing: { leaseReads: true, quiesceMs: null } });
        bench.node.transfer(member(2), at(bench.now));
        bench.node.takeReady();
        for (let n = 0; n < 12; n++) beat(bench);
        expectHolding(bench);
        return bench;
      },
    },
    {
      why: "but not asleep",
      lose: () => {
        const bench = leaseholder();
        bench.accept(3);
        for (let n = 0; n < 20 && !bench.node.status().isAsleep; n++) {
          const beats = sent(bench.pass(100), "heartbeat");
          for (const { to, sentAt } of beats) {
            bench.receive("heartbeatAnswer", Number(to), { sentAt, lastIndex: 1 });
          }
        }
        return bench;
      },
    },
    {
      // It may have handed over before it restarted, and whoever was told may win at any time.
      why: "but not in a term that it has resumed",
      lose: () => {
        const before = leaseholder();
        const bench = new Bench({ ...LEASED, storage: before.storage, incarnation: 2 });
        bench.receive("appendAnswer", 2, { incarnation: 2, index: 1 });
        const [heartbeat] = sent(bench.pass(100), "heartbeat", 2);
        const { sentAt } = heartbeat!;
        bench.receive("heartbeatAnswer", 2, { incarnation: 2, sentAt, lastIndex: 1 });
        return bench;
      },
    },
  ];

  it.for(without)("$why", ({ lose }, { expect }) => {
    expect(readsAtOnce(lose())).toBe(false);
  });
});

function expectHolding(bench: Bench): void {
  if (bench.node.status().isHandingOver) throw new Error("the hand-over was not given up");
}

describe("thesis §6.4.1: a voter that has answered a heartbeat elects nobody for as long", () => {
  const up = { lastIndex: 9, lastTerm: 9 };
  /** A follower of 2 in term 1, at the moment when it has just answered its heartbeat. */
  const follower = (options: BenchOptions = LEASED): Bench => {
    const bench = new Bench({ ...options, term: 1, voters: [1, 2, 3, 4, 5] });
    bench.pass(2_000);
    bench.receive("heartbeat", 2);
    return bench;
  };
  const grants = (bench: Bench, fields: { term: number; urged?: boolean; handedOver?: boolean }) =>
    sent(bench.receive("vote", 3, { ...up, ...fields }), "voteAnswer").some(
      ({ granted }) => granted,
    );

  it("and then it does", ({ expect }) => {
    const bench = follower();
    bench.now += 499;
    expect(grants(bench, { term: 2 })).toBe(false);
    bench.now += 1;
    expect(grants(bench, { term: 2 })).toBe(true);
  });

  it("though a router urges", ({ expect }) => {
    expect(grants(follower(), { term: 2, urged: true })).toBe(false);
    expect(grants(follower({}), { term: 2, urged: true })).toBe(true);
  });

  it("nor stands itself, though a router urges it", ({ expect }) => {
    const bench = follower();
    bench.node.campaign(at(bench.now));
    expect(bench.node.takeReady().messages).toEqual([]);
    bench.now += 500;
    bench.node.campaign(at(bench.now));
    expect(sent(bench.node.takeReady(), "preVote")).toHaveLength(4);
  });

  it("though it has learnt of a later term meanwhile", ({ expect }) => {
    const bench = follower();
    bench.receive("preVoteAnswer", 3, { term: 2, granted: false });
    expect(bench.node.status().term).toBe(2);
    expect(grants(bench, { term: 2 })).toBe(false);
    bench.now += 500;
    expect(grants(bench, { term: 2 })).toBe(true);
  });

  it("though it restarts", ({ expect }) => {
    const bench = new Bench({ ...LEASED, storage: follower().storage, voters: [1, 2, 3, 4, 5] });
    bench.now = 499;
    expect(grants(bench, { term: 2, urged: true })).toBe(false);
    bench.now = 500;
    expect(grants(bench, { term: 2 })).toBe(true);
  });

  it("unless its leader has handed over", ({ expect }) => {
    expect(grants(follower(), { term: 2, handedOver: true })).toBe(true);
  });

  it("though its clock is set back", ({ expect }) => {
    const bench = follower();
    bench.pass(499);
    bench.now -= 3_600_000;
    expect(grants(bench, { term: 2 })).toBe(false);
  });
});

describe("a lease and its end, over a network that delays", () => {
  // Five voters; 1 leads. 4 heard nothing and has asked for votes. The vote that 3 is asked for in
  // the later term comes after 3 has heard its leader again and has learnt of that term.
  it("a late request for a vote elects nobody beside the leaseholder", ({ expect }) => {
    const voter = new Bench({ ...LEASED, id: 3, voters: [1, 2, 3, 4, 5], entries: entriesOf([1]) });
    voter.pass(2_000);
    voter.receive("heartbeat", 1, { term: 1 });
    voter.receive("preVoteAnswer", 4, { term: 2, granted: false });
    const late = voter.receive("vote", 4, { term: 2, lastIndex: 1, lastTerm: 1 });
    expect(sent(late, "voteAnswer").filter(({ granted }) => granted)).toEqual([]);
    expect(voter.storage.hardState().vote).toBeNull();
  });
});
