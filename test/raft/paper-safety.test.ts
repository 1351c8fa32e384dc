// Goal: the arguments of Raft §5.4, the reads of thesis §6.4, and leadership that survives restarts.
// Method: single nodes, and figure 8 played out by hand.

import { describe, it } from "vitest";

import type { Ready } from "../../src/raft/ready.ts";
import { at, Bench, entriesOf, member, payload, sent, termsOf } from "./bench.ts";
import { MemoryStorage } from "./memory-storage.ts";

describe("§5.4.2: committing entries of earlier terms", () => {
  it("§5.4.2, figure 8: an entry of an earlier term does not commit by counting", ({ expect }) => {
    const bench = new Bench({ voters: [1, 2, 3, 4, 5], entries: entriesOf([1, 2]) });
    bench.lead([2, 3]);
    bench.accept(2, 2);
    bench.accept(3, 2);
    expect(bench.node.status().commit).toBe(0);
    bench.accept(2, 3);
    bench.accept(3, 3);
    expect(bench.node.status().commit).toBe(3);
  });

  it("§5.4: what is committed is never overwritten", ({ expect }) => {
    const bench = new Bench({ entries: entriesOf([1, 1]), term: 1 });
    bench.receive("heartbeat", 2, { commit: 2 });
    const entries = entriesOf([2], { first: 2, before: 1 });
    expect(() =>
      bench.receive("append", 3, { term: 2, previousIndex: 1, previousTerm: 1, entries }),
    ).toThrow(/entry 2 is not overwritten/);
  });

  it("§5.4: a commit index beyond the log is damage, and halts the node", ({ expect }) => {
    const bench = new Bench({ entries: entriesOf([1]), term: 1 });
    expect(() => bench.receive("heartbeat", 2, { commit: 5 })).toThrow(/committed entry 5/);
  });
});

describe("overwritten proposals", () => {
  /** A leader of term 1 that has proposed at 2 and 3, and lost its leadership to term 2. */
  function deposed(): Bench {
    const bench = new Bench({ voters: [1, 2, 3, 4, 5] });
    bench.serve([2, 3]);
    bench.propose("a", "b");
    return bench;
  }
  const previous = { previousIndex: 1, previousTerm: 1 };
  const theirs = entriesOf([2, 2], { first: 2, before: 1 });

  it("are told once what replaced them commits, and not before", ({ expect }) => {
    const bench = deposed();
    const cut = bench.receive("append", 3, { term: 2, ...previous, entries: theirs });
    expect(cut.overwrittenFrom).toBeNull();
    const ready = bench.receive("heartbeat", 3, { term: 2, commit: 2 });
    expect(ready.overwrittenFrom).toBe(2);
    expect(ready.committed).toMatchObject([{ index: 2, term: 2 }]);
    expect(bench.receive("heartbeat", 3, { term: 2, commit: 3 }).overwrittenFrom).toBeNull();
  });

  it("are not told when another leader brings them back, as it may (figure 8)", ({ expect }) => {
    const bench = deposed();
    const own = bench.storage.image.entries.slice(1);
    bench.receive("append", 3, { term: 2, ...previous, entries: theirs });
    bench.receive("append", 4, { term: 3, ...previous, entries: own });
    const ready = bench.receive("heartbeat", 4, { term: 3, commit: 3 });
    expect(ready.overwrittenFrom).toBeNull();
    expect(ready.committed).toMatchObject([
      { index: 2, term: 1 },
      { index: 3, term: 1 },
    ]);
  });

  it("are not told to one that leads again, whose new entries they are not", ({ expect }) => {
    const bench = deposed();
    bench.receive("append", 3, { term: 2, ...previous, entries: theirs });
    bench.lead([2, 3]);
    bench.propose("c");
    bench.accept(2);
    const ready = bench.accept(3);
    expect(ready.committed.map((entry) => entry.term)).toEqual([2, 2, 3, 3]);
    expect(ready.overwrittenFrom).toBeNull();
  });
});

describe("thesis §6.4: reads", () => {
  const read = (bench: Bench): number | null => bench.node.readIndex(at(bench.now));
  const round = (ready: Ready) => sent(ready, "heartbeat")[0]?.round;

  it("thesis §6.4: a read is confirmed by a quorum's answers to a round that left after it", ({
    expect,
  }) => {
    const bench = new Bench({ voters: [1, 2, 3, 4, 5] });
    bench.serve([2, 3]);
    const token = read(bench);
    expect(round(bench.node.takeReady())).toBe(1);
    expect(bench.receive("heartbeatAnswer", 2, { round: 1 }).reads).toEqual([]);
    expect(bench.receive("heartbeatAnswer", 2, { round: 1 }).reads).toEqual([]);
    const ready = bench.receive("heartbeatAnswer", 3, { round: 1 });
    expect(ready.reads).toEqual([{ token, index: 1 }]);
  });

  it("thesis §6.4: a read that arrives during a round waits for the next", ({ expect }) => {
    const bench = new Bench();
    bench.serve();
    const first = read(bench);
    bench.node.takeReady();
    const second = read(bench);
    const third = read(bench);
    expect(bench.node.takeReady().messages).toEqual([]);
    const ready = bench.receive("heartbeatAnswer", 2, { round: 1 });
    expect(ready.reads.map(({ token }) => token)).toEqual([first]);
    expect(round(ready)).toBe(2);
    const next = bench.receive("heartbeatAnswer", 3, { round: 2 });
    expect(next.reads.map(({ token }) => token)).toEqual([second, third]);
  });

  it("thesis §6.4: an answer to an old round confirms nothing new", ({ expect }) => {
    const bench = new Bench();
    bench.serve();
    read(bench);
    bench.receive("heartbeatAnswer", 2, { round: 1 });
    read(bench);
    bench.node.takeReady();
    expect(bench.receive("heartbeatAnswer", 3, { round: 1 }).reads).toEqual([]);
    expect(bench.receive("heartbeatAnswer", 3, { round: 0 }).reads).toEqual([]);
    expect(bench.receive("heartbeatAnswer", 3, { round: 2 }).reads).toHaveLength(1);
  });

  it("thesis §6.4: a lost round is followed by one for all who wait", ({ expect }) => {
    const bench = new Bench();
    bench.serve();
    const first = read(bench);
    const second = read(bench);
    bench.node.takeReady();
    expect(round(bench.pass(100))).toBe(2);
    expect(round(bench.pass(100))).toBe(3);
    const ready = bench.receive("heartbeatAnswer", 3, { round: 3 });
    expect(ready.reads.map(({ token }) => token)).toEqual([first, second]);
  });

  it("thesis §6.4: a lost round is followed by another though appends keep every peer content", ({
    expect,
  }) => {
    const bench = new Bench();
    bench.serve();
    read(bench);
    bench.node.takeReady();
    const rounds: number[] = [];
    for (let passed = 0; passed < 300; passed += 20) {
      bench.propose("x");
      bench.accept(2);
      rounds.push(round(bench.pass(20)) ?? 0);
    }
    expect(Math.max(...rounds)).toBeGreaterThan(1);
  });

  it("thesis §6.4: a new leader serves no read before it commits in its term", ({ expect }) => {
    const bench = new Bench({ entries: entriesOf([1, 1]) });
    bench.lead();
    const token = read(bench);
    expect(token).not.toBeNull();
    expect(bench.node.status().serving).toBe(false);
    expect(round(bench.pass(100))).toBe(0);
    expect(bench.receive("heartbeatAnswer", 2, { round: 0 }).reads).toEqual([]);
    const committed = bench.accept(2);
    expect(bench.node.status().serving).toBe(true);
    expect(round(committed)).toBe(1);
    const ready = bench.receive("heartbeatAnswer", 2, { round: 1 });
    expect(ready.reads).toEqual([{ token, index: 3 }]);
  });

  it("thesis §6.4: a leader that steps down gives up its reads", ({ expect }) => {
    const bench = new Bench();
    bench.serve();
    const tokens = [read(bench), read(bench)];
    const ready = bench.receive("heartbeatAnswer", 2, { term: 5, round: 1 });
    expect(ready).toMatchObject({ reads: [], readsLost: tokens });
    expect(read(bench)).toBeNull();
  });

  it("thesis §6.4: learners confirm no read", ({ expect }) => {
    const bench = new Bench({ learners: [4] });
    bench.serve();
    read(bench);
    expect(bench.receive("heartbeatAnswer", 4, { round: 1 }).reads).toEqual([]);
  });

  it("thesis §6.4: a single voter confirms its reads at once", ({ expect }) => {
    const bench = new Bench({ voters: [1] });
    bench.pass(1_000);
    bench.propose("x");
    const token = read(bench);
    expect(bench.node.takeReady().reads).toEqual([{ token, index: 2 }]);
  });
});

describe("leadership survives restarts", () => {
  /** A leader of term 1 with three entries, of which `applied` were applied, comes back. */
  function restarted(options: { applied?: number; voters?: readonly number[] } = {}): Bench {
    const before = new Bench(options.voters === undefined ? {} : { voters: options.voters });
    before.serve(options.voters?.length === 1 ? [] : [2, 3]);
    before.propose("a", "b");
    return new Bench({ storage: before.storage, incarnation: 2, ...options });
  }

  it("a leader resumes its term, and probes all at once", ({ expect }) => {
    const bench = restarted();
    expect(bench.node.status()).toMatchObject({ role: "leader", term: 1, serving: false });
    const appends = sent(bench.node.takeReady(), "append");
    expect(appends).toMatchObject([
      { to: member(2), incarnation: 2, previousIndex: 3, entries: [] },
      { to: member(3), incarnation: 2, previousIndex: 3, entries: [] },
    ]);
    expect(termsOf(bench.storage)).toEqual([1, 1, 1]);
  });

  it("a resumed leader serves once a quorum holds its log, as told to this instance", ({
    expect,
  }) => {
    for (const applied of [0, 3]) {
      const bench = restarted({ applied });
      bench.node.readIndex(at(0));
      bench.node.takeReady();
      // An answer to the former instance says nothing.
      bench.receive("appendAnswer", 2, { index: 3, incarnation: 1 });
      bench.receive("appendAnswer", 2, { index: 2, incarnation: 2 });
      expect(bench.node.status().serving).toBe(false);
      const ready = bench.receive("appendAnswer", 2, { index: 3, incarnation: 2 });
      expect(bench.node.status()).toMatchObject({ serving: true, commit: 3 });
      expect(sent(ready, "heartbeat")).toHaveLength(2);
      const confirmed = bench.receive("heartbeatAnswer", 2, { round: 1, incarnation: 1 });
      expect(confirmed.reads).toEqual([]);
      const own = bench.receive("heartbeatAnswer", 2, { round: 1, incarnation: 2 });
      expect(own.reads).toMatchObject([{ index: 3 }]);
    }
  });

  it("a single voter resumes, commits and serves at once", ({ expect }) => {
    const bench = restarted({ voters: [1] });
    expect(bench.node.status()).toMatchObject({ role: "leader", serving: true, commit: 3 });
    expect(bench.node.takeReady().committed).toHaveLength(3);
  });

  const others = [
    {
      name: "it voted for another",
      vote: 2,
      entries: entriesOf([1], { author: 2 }),
      leader: member(2),
    },
    {
      name: "it stood and lost: the term names another",
      vote: 1,
      entries: entriesOf([1, 1], { author: 2 }),
      leader: member(2),
    },
    {
      name: "it stood, and has no entry of the term",
      vote: 1,
      entries: entriesOf([1], { author: 1 }),
      term: 2,
    },
    { name: "it has voted for nobody", vote: null, entries: entriesOf([1], { author: 1 }) },
    {
      name: "it is no voter any more",
      vote: 1,
      entries: entriesOf([1], { author: 1 }),
      voters: [2, 3],
    },
    { name: "it was never used", vote: null, entries: [] },
  ];

  for (const { name, leader = null, ...options } of others) {
    it(`a node starts as a follower when ${name}`, ({ expect }) => {
      const bench = new Bench(options);
      expect(bench.node.status()).toMatchObject({ leader, serving: false });
      expect(["follower", "learner"]).toContain(bench.node.status().role);
      const asked = bench.node.takeReady().messages.map(({ kind, to }) => ({ kind, to }));
      expect(asked).toEqual(leader === null ? [] : [{ kind: "wake", to: leader }]);
    });
  }

  it("followers listen to the latest instance of their leader only", ({ expect }) => {
    const bench = new Bench({ term: 1 });
    bench.receive("heartbeat", 2, { incarnation: 4 });
    expect(bench.receive("heartbeat", 2, { incarnation: 3, round: 9 }).messages).toEqual([]);
    expect(
      bench.receive("append", 2, { incarnation: 3, entries: entriesOf([1]) }).messages,
    ).toEqual([]);
    expect(bench.storage.lastIndex()).toBe(0);
    // A campaign in between does not make it forget.
    bench.pass(1_000);
    expect(bench.receive("heartbeat", 2, { incarnation: 3 }).messages).toEqual([]);
    const ready = bench.receive("heartbeat", 2, { incarnation: 5, round: 2 });
    expect(sent(ready, "heartbeatAnswer")).toMatchObject([{ incarnation: 5, round: 2 }]);
  });

  it("a later term's leader counts its own incarnations", ({ expect }) => {
    const bench = new Bench({ term: 1 });
    bench.receive("heartbeat", 2, { incarnation: 40 });
    const ready = bench.receive("heartbeat", 3, { term: 2, incarnation: 1 });
    expect(sent(ready, "heartbeatAnswer")).toMatchObject([{ term: 2, incarnation: 1 }]);
  });
});

describe("time", () => {
  it("a clock that is set back an hour does not put off the next election", ({ expect }) => {
    const bench = new Bench();
    bench.pass(100);
    bench.now = -3_600_000;
    bench.pass(0);
    expect(bench.node.deadline()).toBeLessThan(bench.now + 1_000);
    bench.pass(1_000);
    expect(bench.node.status().role).toBe("candidate");
  });

  it("equal inputs give equal outputs", ({ expect }) => {
    const run = () => {
      const bench = new Bench({ storage: new MemoryStorage(), seed: 3 });
      const seen: unknown[] = [bench.stand(), bench.lead(), bench.propose("x"), bench.accept(2)];
      bench.node.propose([payload()], at(bench.now));
      seen.push(bench.node.takeReady(), bench.node.deadline(), bench.pass(2_000));
      return seen;
    };
    expect(run()).toEqual(run());
  });
});
