// Owns planted bugs of leaders and of those who follow them: reads, restarts, sleep.

import { NO_FAULTS } from "../faults.ts";
import type { Mutant } from "./mutant.ts";

/** Many clients that read while leaders come and go, and do not all ask the same one. */
export const READS: NonNullable<Mutant["run"]> = {
  faults: {
    lossRate: 0.01,
    noticedRate: 1,
    lateRate: 0.05,
    partitionEveryMs: 1_500,
    crashEveryMs: 2_000,
    urgeEveryMs: 1_500,
    winnerFaultRate: 0.6,
    confirmMsMax: 5,
    clockFreezeEveryMs: 0,
    deployEveryMs: 0,
  },
  load: { kvClients: 6, everyMs: 10, strayRate: 0.4, leaseClients: 0, watchers: 0 },
};

/** Long rests, ended by a put now and then; some replica may be lost in one. */
const SLEEPY: NonNullable<Mutant["run"]> = {
  members: 3,
  faults: { ...NO_FAULTS, crashEveryMs: 8_000 },
  faultyMs: 30_000,
  timing: { quiesceMs: 100 },
  load: { kvClients: 1, writesPerSecond: 0.3, leaseClients: 0, watchers: 0, strayRate: 0 },
};

const NODE = "src/raft/roles.ts";

export const LEADER_MUTANTS: readonly Mutant[] = [
  {
    name: "read answered without a quorum",
    models: "a leader's own word confirms its read round",
    patches: [
      {
        file: "src/raft/leadership.ts",
        find: "voter === id ? this.#rounds.latest : peers.get(voter)!.roundAnswered,",
        replace: "this.#rounds.latest,",
      },
    ],
    seeds: 100,
    run: READS,
  },
  {
    name: "read round reused",
    models: "answers to an older round confirm a later read (etcd #20418)",
    patches: [
      {
        file: "src/raft/read-index.ts",
        find: "    this.#round++;",
        replace: "    this.#round = 1;",
      },
    ],
    seeds: 200,
    run: READS,
  },
  {
    name: "new leader reads too early",
    models: "reads before a commit in the own term (etcd #7331)",
    patches: [
      {
        file: "src/raft/leadership.ts",
        find: "const serveFrom = nextIndex(core.log.lastIndex);",
        replace: "const serveFrom = 0;",
      },
    ],
    seeds: 200,
    run: READS,
  },
  {
    name: "resumed leader reads too early",
    models: "a leader that restarts forgets what it had committed, and reads before it knows",
    patches: [
      {
        file: "src/raft/leadership.ts",
        find: "serveFrom: core.log.lastIndex, now",
        replace: "serveFrom: 0, now",
      },
    ],
    seeds: 200,
    run: READS,
  },
  {
    name: "leadership resumed in a term that another author opened",
    models: "the own vote is taken for having won",
    patches: [
      {
        file: "src/raft/election.ts",
        find: "return log.authorOfTerm(ballot.term) === id;",
        replace: "return true;",
      },
    ],
    seeds: 100,
  },
  {
    name: "incarnation not raised",
    models: "two instances of a leader share one number",
    patches: [
      {
        file: "src/object/certificate.ts",
        find: "incarnation = incarnation + 1",
        replace: "incarnation = 1",
      },
    ],
    seeds: 200,
  },
  {
    name: "superseded leader of the same term",
    models: "a follower obeys an older instance of its leader",
    patches: [
      {
        file: NODE,
        find: "if (this.#author !== null && incarnation < this.#author.incarnation) return;",
        replace: "",
      },
    ],
    seeds: 300,
    run: { faults: { zombieRate: 0.8, crashEveryMs: 2_000 } },
  },
  {
    name: "sleeper that refuses for ever",
    models: "a leader that dies while all sleep is never replaced",
    patches: [
      {
        file: "src/raft/loyalty.ts",
        find: 'if (this.#isReleased(message)) return "considered";',
        replace:
          'if (state.role === "follower" && state.isAsleep) return "denied";\n    if (this.#isReleased(message)) return "considered";',
      },
    ],
    seeds: 100,
    run: SLEEPY,
  },
  {
    name: "index adopted as commit without its term",
    models: "a follower takes a leader's commit index for its own log's",
    patches: [
      {
        file: "src/raft/replication.ts",
        find: "Math.min(progress.match, log.commit)",
        replace: "log.commit",
      },
      {
        file: "src/raft/following.ts",
        find: "core.log.commitTo(message.commit);",
        replace: "core.log.commitTo(asLogIndex(Math.min(message.commit, core.log.lastIndex)));",
      },
    ],
    seeds: 100,
  },
  {
    name: "follower commits beyond what it verified",
    models: "what an append did not bring counts as committed (Raft figure 2, AppendEntries 5)",
    patches: [
      {
        file: "src/raft/following.ts",
        find: "Math.min(message.commit, verified)",
        replace: "Math.min(message.commit, log.lastIndex)",
      },
      // The hints are so good that an append begins where the logs part: with poor ones it goes far back.
      {
        file: "src/raft/log.ts",
        find: "return high <= low ? high : this.#lastOfTermAtMost(hint.term, low, high);",
        replace: "return high <= low ? high : low;",
      },
    ],
    seeds: 100,
    isSmall: true,
  },
  {
    name: "answers to another instance counted",
    models: "a resumed leader confirms reads by answers to the instance before it",
    patches: [
      {
        file: NODE,
        find: "        if (message.incarnation !== this.#core.incarnation) return;\n        this.#loyalty.hear(message.from);",
        replace: "        this.#loyalty.hear(message.from);",
      },
      {
        file: NODE,
        find: "        if (message.incarnation !== this.#core.incarnation) return;\n        return this.leadership?.onAppendAnswer(message, at);",
        replace: "        return this.leadership?.onAppendAnswer(message, at);",
      },
    ],
    seeds: 200,
    run: {
      ...READS,
      faults: { ...READS.faults, misrouteRate: 1, crashEveryMs: 0, evictEveryMs: 500, lossRate: 0 },
      members: 3,
    },
  },
  {
    name: "PreVote raises the term",
    models: "a question disturbs those whom it asks (thesis §9.6)",
    patches: [
      {
        file: NODE,
        find: "const free = !this.#denies(message, at);",
        replace:
          "const free = !this.#denies(message, at);\n    if (message.term > this.#core.ballot.term) this.#follow(at, message.term);",
      },
    ],
    seeds: 50,
  },
];
