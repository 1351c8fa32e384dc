// Goal: an idle cluster rests, and its rest costs neither safety nor the leader. Method: one node, as
// the leader that has all clocks stopped, or as one of those whose clock it stops.

import { describe, it } from "vitest";

import {
  AWAY_PROBE_MS_MAX,
  AWAY_PROBE_MS_MIN,
  SLEEP_MS_MAX,
  SLEEP_WATCHED_MS_MAX,
} from "../../src/base/limits.ts";
import type { Ready } from "../../src/raft/ready.ts";
import { at, Bench, entriesOf, member, sent, type BenchOptions } from "./bench.ts";

/** Lets `ms` pass in beats; `peers` answer every heartbeat. Returns what is sent. */
function idle(bench: Bench, ms: number, peers: readonly number[]): Ready["messages"] {
  const messages: Ready["messages"][number][] = [];
  for (let passed = 0; passed < ms; passed += 50) {
    const ready = bench.pass(50);
    messages.push(...ready.messages);
    for (const { to, sentAt, round } of sent(ready, "heartbeat")) {
      if (!peers.includes(Number(to))) continue;
      const lastIndex = bench.storage.lastIndex();
      const answer = bench.receive("heartbeatAnswer", Number(to), { sentAt, round, lastIndex });
      messages.push(...answer.messages);
    }
  }
  return messages;
}

/** A leader that has fallen asleep, with `peers` up to date and the others away. */
function sleeping(peers: readonly number[] = [2, 3], options: BenchOptions = {}): Bench {
  const bench = new Bench(options);
  bench.serve(peers);
  idle(bench, 2_500, peers);
  if (!bench.node.status().isAsleep) throw new Error("the leader is awake");
  return bench;
}

const kinds = (messages: Ready["messages"]): string[] =>
  messages.map(({ kind, to }) => `${kind} ${to}`);

describe("a leader with nothing to do", () => {
  it("stops all clocks after quiesceMs, telling each peer what is committed", ({ expect }) => {
    const bench = new Bench();
    bench.serve([2, 3]);
    idle(bench, 700, [2, 3]);
    expect(bench.node.status().isAsleep).toBe(false);
    const messages = idle(bench, 50, [2, 3]);
    expect(messages).toMatchObject([
      { kind: "quiesce", to: member(2), commit: 1 },
      { kind: "quiesce", to: member(3), commit: 1 },
    ]);
    expect(idle(bench, 60_000, [])).toEqual([]);
  });

  const busy: { with: string; options?: BenchOptions; begin: (bench: Bench) => void }[] = [
    { with: "the option off", options: { timing: { quiesceMs: null } }, begin: () => {} },
    { with: "an entry that is not committed", begin: (bench) => bench.propose("x") },
    {
      with: "a peer that lacks entries and is there",
      options: { learners: [4] },
      begin: (bench) => bench.accept(4, 0),
    },
    {
      with: "a read that waits",
      begin: (bench) => {
        bench.node.readIndex(at(bench.now));
      },
    },
    {
      with: "a hand-over under way",
      options: { timing: { electionMsMin: 5_000, electionMsMax: 9_000 } },
      begin: (bench) => bench.node.transfer(member(2), at(bench.now)),
    },
  ];

  it.for(busy)("stays awake with $with", ({ options, begin }, { expect }) => {
    const bench = new Bench(options);
    bench.serve([2, 3]);
    begin(bench);
    // A read's round is never answered, an append never, but heartbeats are: nobody is away.
    for (let n = 0; n < 60; n++) {
      for (const { to, sentAt } of sent(bench.pass(50), "heartbeat")) {
        bench.receive("heartbeatAnswer", Number(to), { sentAt, lastIndex: 0 });
      }
    }
    expect(bench.node.status().isAsleep).toBe(false);
  });

  it("does not rest before it serves, for what it has may not be committed", ({ expect }) => {
    const bench = new Bench();
    bench.lead();
    idle(bench, 3_000, [2, 3]);
    expect(bench.node.status().isAsleep).toBe(false);
  });

  it("does not wait for a minority that is away, and does not tell it", ({ expect }) => {
    const bench = new Bench();
    bench.serve([2]);
    const messages = idle(bench, 2_500, [2]);
    expect(bench.node.status().isAsleep).toBe(true);
    expect(kinds(messages)).toContain("quiesce 2");
    expect(kinds(messages)).not.toContain("quiesce 3");
  });

  it("does not rest without a quorum", ({ expect }) => {
    const bench = new Bench({ voters: [1, 2, 3, 4, 5] });
    bench.serve([2, 3]);
    idle(bench, 3_000, [2]);
    expect(bench.node.status().isAsleep).toBe(false);
  });
});

describe("a leader that sleeps", () => {
  const wakers: { by: string; wake: (bench: Bench) => Ready }[] = [
    { by: "a proposal", wake: (bench) => bench.propose("x") },
    {
      by: "a read",
      wake: (bench) => {
        bench.node.readIndex(at(bench.now));
        return bench.node.takeReady();
      },
    },
    { by: "a sleeper's question", wake: (bench) => bench.receive("wake", 2) },
    {
      by: "a sleeper's question of an earlier term",
      wake: (bench) => bench.receive("wake", 2, { term: 0 }),
    },
    { by: "a follower's read", wake: (bench) => bench.receive("readRequest", 2, { round: 1 }) },
    {
      by: "one that asks for votes",
      wake: (bench) => bench.receive("preVote", 3, { term: 2, lastIndex: 1, lastTerm: 1 }),
    },
  ];

  it.for(wakers)("is woken by $by, and all hear from it at once", ({ wake }, { expect }) => {
    const bench = sleeping();
    const { messages } = wake(bench);
    expect(bench.node.status()).toMatchObject({ role: "leader", isAsleep: false });
    const more = idle(bench, 100, []);
    for (const peer of [2, 3]) {
      const heard = [...messages, ...more].filter(({ to }) => to === member(peer));
      expect(heard.map(({ kind }) => kind).some((kind) => /append|heartbeat/.test(kind))).toBe(
        true,
      );
    }
  });

  it("denies its vote though it sleeps, and is not woken for the same one at will", ({
    expect,
  }) => {
    const bench = sleeping();
    const ask = () => bench.receive("preVote", 3, { term: 2, lastIndex: 1, lastTerm: 1 });
    expect(sent(ask(), "preVoteAnswer")).toMatchObject([{ granted: false }]);
    let woken = 0;
    for (let second = 0; second < 3_600; second++) {
      idle(bench, 1_000, [2]);
      if (!bench.node.status().isAsleep) continue;
      ask();
      if (!bench.node.status().isAsleep) woken++;
    }
    // After 2, 4, 8, ... seconds, then every five minutes.
    expect(woken).toBeGreaterThan(8);
    expect(woken).toBeLessThan(22);
  });

  it("hears one again that was in touch meanwhile: it has a new reason", ({ expect }) => {
    const bench = sleeping();
    for (let n = 0; n < 10; n++) {
      bench.receive("preVote", 3, { term: 2, lastIndex: 1, lastTerm: 1 });
      expect(bench.node.status().isAsleep).toBe(false);
      idle(bench, 2_000, [2, 3]);
      expect(bench.node.status().isAsleep).toBe(true);
    }
  });

  it("probes who is away ever more seldom, and takes it back", ({ expect }) => {
    const bench = sleeping([2]);
    const pauses: number[] = [];
    for (let last = bench.now; pauses.length < 12;) {
      bench.now = bench.node.deadline();
      const { messages } = bench.pass(0);
      if (bench.node.status().isAsleep && kinds(messages).join() === "heartbeat 3") {
        pauses.push(bench.now - last);
        last = bench.now;
      }
      if (!bench.node.status().isAsleep) idle(bench, 2_000, [2]);
    }
    expect(pauses.slice(1, 4)).toEqual([2, 4, 8].map((n) => n * AWAY_PROBE_MS_MIN));
    expect(Math.min(...pauses.slice(8))).toBeGreaterThan(AWAY_PROBE_MS_MAX - 10_000);
    bench.receive("heartbeatAnswer", 3, { lastIndex: 1, sentAt: bench.now });
    expect(bench.node.status().isAsleep).toBe(false);
  });

  it.for([
    { watched: false, ms: SLEEP_MS_MAX },
    { watched: true, ms: SLEEP_WATCHED_MS_MAX },
  ])(
    "makes sure after $ms ms that it leads still, watched: $watched",
    ({ watched, ms }, { expect }) => {
      const bench = sleeping();
      bench.node.setWatched(watched);
      const due = bench.node.deadline();
      expect(due - bench.now).toBeLessThanOrEqual(ms);
      expect(due - bench.now).toBeGreaterThan(ms - 3_000);
      bench.now = due;
      expect(kinds(bench.pass(0).messages)).toEqual(["heartbeat 2", "heartbeat 3"]);
    },
  );

  it("steps down when it was cut off in its sleep", ({ expect }) => {
    const bench = sleeping();
    bench.now = bench.node.deadline();
    bench.pass(0);
    idle(bench, 1_000, []);
    expect(bench.node.status()).toMatchObject({ role: "follower", leader: null });
  });
});

describe("a follower whose clock is stopped", () => {
  /** A follower of 2 in term 1 that sleeps. */
  function asleep(options: BenchOptions = {}): Bench {
    const bench = new Bench({ entries: entriesOf([1]), term: 1, ...options });
    bench.receive("heartbeat", 2);
    bench.receive("quiesce", 2, { commit: 1 });
    return bench;
  }

  it("learns what is committed, and campaigns no more", ({ expect }) => {
    const bench = asleep();
    expect(bench.node.status()).toMatchObject({ commit: 1, isAsleep: true, leader: member(2) });
    expect(bench.pass(SLEEP_MS_MAX - 1).messages).toEqual([]);
  });

  it("goes on while a read waits that its leader does not know of", ({ expect }) => {
    const bench = new Bench({ entries: entriesOf([1]), term: 1 });
    bench.receive("heartbeat", 2);
    bench.node.readIndex(at(0));
    bench.receive("quiesce", 2, { commit: 1 });
    expect(bench.node.status().isAsleep).toBe(false);
  });

  it("goes on when the message is late: entries have come since", ({ expect }) => {
    const bench = new Bench({ entries: entriesOf([1, 1]), term: 1 });
    bench.receive("quiesce", 2, { commit: 1 });
    expect(bench.node.status()).toMatchObject({ isAsleep: false, commit: 1 });
  });

  it.for([{ term: 0 }, { incarnation: 3 }])(
    "goes on when the message is of %o, and takes no commit index from it",
    (fields, { expect }) => {
      const bench = new Bench({ entries: entriesOf([1]), term: 1 });
      bench.receive("heartbeat", 2, { incarnation: 4 });
      bench.receive("quiesce", 2, { commit: 1, incarnation: 4, ...fields });
      expect(bench.node.status()).toMatchObject({ isAsleep: false, commit: 0 });
    },
  );

  it.for([
    { watched: false, ms: SLEEP_MS_MAX },
    { watched: true, ms: SLEEP_WATCHED_MS_MAX },
  ])("asks its leader after $ms ms, watched: $watched", ({ watched, ms }, { expect }) => {
    const bench = asleep();
    // Watchers that come to a sleeper count as well.
    bench.node.setWatched(watched);
    expect(bench.node.deadline()).toBe(bench.now + ms);
    expect(kinds(bench.pass(ms).messages)).toEqual(["wake 2"]);
    expect(bench.node.status().isAsleep).toBe(false);
  });

  it("campaigns when its leader does not answer", ({ expect }) => {
    const bench = asleep();
    bench.pass(SLEEP_MS_MAX);
    expect(kinds(bench.pass(1_000).messages)).toEqual(["preVote 2", "preVote 3"]);
  });

  it("is woken by its leader, and by a read of its own", ({ expect }) => {
    const heard = asleep();
    heard.receive("heartbeat", 2);
    expect(heard.node.status().isAsleep).toBe(false);
    const reading = asleep();
    reading.node.readIndex(at(reading.now));
    expect(kinds(reading.node.takeReady().messages)).toEqual(["readRequest 2"]);
    expect(reading.node.status().isAsleep).toBe(false);
  });

  const question = { term: 2, lastIndex: 1, lastTerm: 1 };

  it("makes sure before it grants, and grants when its leader is silent", ({ expect }) => {
    const bench = asleep();
    bench.now = 60_000;
    const first = bench.receive("preVote", 3, question);
    expect(sent(first, "preVoteAnswer")).toMatchObject([{ granted: false }]);
    expect(sent(first, "wake")).toMatchObject([{ to: member(2) }]);
    bench.now += 499;
    const early = bench.receive("preVote", 3, question);
    expect(sent(early, "preVoteAnswer")).toMatchObject([{ granted: false }]);
    bench.now += 1;
    const late = bench.receive("preVote", 3, question);
    expect(sent(late, "preVoteAnswer")).toMatchObject([{ granted: true }]);
  });

  it("is roused ever more seldom by the same one, and at once by another", ({ expect }) => {
    const bench = asleep({ voters: [1, 2, 3, 4, 5] });
    const isRoused = (by: number): boolean => {
      bench.receive("preVote", by, question);
      const { isAsleep } = bench.node.status();
      bench.receive("quiesce", 2, { commit: 1 });
      return !isAsleep;
    };
    expect([3, 3, 4, 3].map(isRoused)).toEqual([true, false, true, false]);
    bench.now += AWAY_PROBE_MS_MIN;
    expect([3, 3].map(isRoused)).toEqual([true, false]);
    bench.now += AWAY_PROBE_MS_MIN;
    expect(isRoused(3)).toBe(false);
    bench.now += AWAY_PROBE_MS_MIN;
    expect(isRoused(3)).toBe(true);
  });

  it("is roused by anyone once there was work, for they may have missed it", ({ expect }) => {
    const bench = asleep();
    bench.receive("preVote", 3, question);
    const entries = entriesOf([1], { first: 2, before: 1 });
    bench.receive("append", 2, { previousIndex: 1, previousTerm: 1, entries });
    bench.receive("quiesce", 2, { commit: 2 });
    expect(bench.node.status().isAsleep).toBe(true);
    bench.receive("preVote", 3, { ...question, lastIndex: 2 });
    expect(bench.node.status().isAsleep).toBe(false);
  });

  it("grants at once to one that a router has urged", ({ expect }) => {
    const ready = asleep().receive("preVote", 3, { ...question, urged: true });
    expect(sent(ready, "preVoteAnswer")).toMatchObject([{ granted: true }]);
  });
});

describe("a replica that comes back from a sleep without its memory", () => {
  const entries = entriesOf([1, 1]);

  it("knows its leader from the log, asks it at once, and elects nobody meanwhile", ({
    expect,
  }) => {
    const bench = new Bench({ entries, term: 1 });
    expect(bench.node.status().leader).toBe(member(2));
    expect(kinds(bench.node.takeReady().messages)).toEqual(["wake 2"]);
    const question = { term: 2, lastIndex: 2, lastTerm: 1 };
    bench.now = 499;
    const early = bench.receive("preVote", 3, question);
    expect(sent(early, "preVoteAnswer")).toMatchObject([{ granted: false }]);
    bench.now = 500;
    const late = bench.receive("preVote", 3, question);
    expect(sent(late, "preVoteAnswer")).toMatchObject([{ granted: true }]);
  });

  it("knows none in a term of which it has no entry", ({ expect }) => {
    const bench = new Bench({ entries, term: 2 });
    expect(bench.node.status().leader).toBeNull();
    expect(bench.node.hasReady()).toBe(false);
  });

  it("campaigns as soon as any other when its leader is gone", ({ expect }) => {
    const bench = new Bench({ entries, term: 1 });
    expect(bench.node.deadline()).toBeLessThan(1_000);
    expect(kinds(bench.pass(1_000).messages)).toContain("preVote 3");
  });
});

describe("a member without a vote", () => {
  it("asks for its leader once a minute, and is billed for no more", ({ expect }) => {
    const bench = new Bench({ id: 4, learners: [4], entries: entriesOf([1]), term: 1 });
    bench.node.takeReady();
    bench.pass(1_000);
    expect(bench.node.status().leader).toBeNull();
    expect(bench.node.deadline()).toBe(bench.now + SLEEP_WATCHED_MS_MAX);
    expect(kinds(bench.pass(SLEEP_WATCHED_MS_MAX).messages)).toEqual(["wake 2"]);
  });

  it("that was never added waits in silence", ({ expect }) => {
    const bench = new Bench({ id: 4, voters: [] });
    for (let n = 0; n < 5; n++) {
      bench.now = bench.node.deadline();
      expect(bench.pass(0).messages).toEqual([]);
    }
    expect(bench.now).toBeGreaterThan(3 * SLEEP_WATCHED_MS_MAX);
    bench.receive("append", 2, { term: 3, entries: entriesOf([3]) });
    expect(bench.node.status()).toMatchObject({ leader: member(2), lastIndex: 1 });
  });
});
