// Owns planted bugs of consensus: elections, replication, read indexes, restarts.

import { NO_FAULTS } from "../faults.ts";
import type { Mutant } from "./mutant.ts";

/**
 * Raft's figure 8: one leader after another, each struck as soon as it has sent its first entry, which
 * then reaches few. With little else to do such a run costs little.
 */
const FIGURE_8: NonNullable<Mutant["run"]> = {
  members: 3,
  faults: {
    lossRate: 0.4,
    noticedRate: 1,
    lateRate: 0.1,
    repeatRate: 0,
    partitionEveryMs: 500,
    crashEveryMs: 0,
    turnLossRate: 0,
    evictEveryMs: 0,
    deployEveryMs: 0,
    writeFailureRate: 0,
    confirmMsMax: 5,
    urgeEveryMs: 80,
    voterCrashRate: 0,
    winnerFaultRate: 1,
  },
  faultyMs: 20_000,
  load: { kvClients: 1, everyMs: 300, leaseClients: 0, watchers: 0 },
};

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

const LOG = "src/raft/sql-log.ts";
const NODE = "src/raft/roles.ts";

export const RAFT_MUTANTS: readonly Mutant[] = [
  {
    name: "vote not persisted",
    models: "a voter that restarts votes again in the same term",
    patches: [
      {
        file: LOG,
        find: "state.vote === null ? null : state.vote.toString(),",
        replace: "null,",
      },
    ],
    seeds: 100,
  },
  {
    name: "term not persisted",
    models: "a restart goes back to an earlier term",
    patches: [
      {
        file: LOG,
        find: '"UPDATE meta SET term = ?, vote = ? WHERE id = 0",\n      state.term,',
        replace: '"UPDATE meta SET vote = ? WHERE id = 0",',
      },
    ],
    seeds: 50,
  },
  {
    name: "message sent before its write: a vote",
    models: "the vote is stored with the next one",
    patches: [
      {
        file: LOG,
        find: '    this.#sql.run(\n      "UPDATE meta SET term = ?, vote = ? WHERE id = 0",',
        replace:
          '    this.late?.();\n    this.late = () => this.#sql.run(\n      "UPDATE meta SET term = ?, vote = ? WHERE id = 0",',
      },
    ],
    seeds: 100,
  },
  {
    name: "message sent before its write: entries",
    models: "a log row is stored with the one after it (etcd #14370)",
    patches: [
      {
        file: LOG,
        find: "    this.#sql.run(\n      `INSERT INTO log_${segment.number}",
        replace:
          "    this.late?.();\n    this.late = () => this.#sql.run(\n      `INSERT INTO log_${segment.number}",
      },
    ],
    seeds: 50,
  },
  {
    name: "two votes in a term",
    models: "a voter grants whoever asks",
    patches: [
      {
        file: "src/raft/election.ts",
        find: "const free = vote === null ? !termHasLeader : vote === message.from;",
        replace: "const free = true;",
      },
      {
        file: "src/raft/ballot.ts",
        find: 'assert(this.vote === null, "a voter votes once in a term (Raft §5.2)");',
        replace: "",
      },
      {
        file: "src/raft/invariants.ts",
        find: 'assert(before.vote === null || after.vote === before.vote, "one vote in a term (Raft §5.2)");',
        replace: "",
      },
    ],
    seeds: 100,
  },
  {
    name: "vote for a log that lags",
    models: "a candidate without committed entries wins (Raft §5.4.1)",
    patches: [
      {
        file: "src/raft/election.ts",
        find: "return core.log.isUpToDate({ index: message.lastIndex, term: message.lastTerm });",
        replace: "return true;",
      },
    ],
    seeds: 100,
  },
  {
    name: "commit of an old term's entry by counting",
    models: "Raft's figure 8",
    patches: [
      {
        file: "src/raft/replication.ts",
        find: "if (log.termAt(index) === ballot.term) log.commitTo(index);",
        replace: "log.commitTo(index);",
      },
    ],
    seeds: 300,
    run: FIGURE_8,
    isSmall: true,
  },
  {
    name: "commit without a quorum",
    models: "the highest match counts, not a majority's",
    patches: [
      {
        file: "src/raft/quorum.ts",
        find: "return descending[majority(voters) - 1]!;",
        replace: "return descending[0]!;",
      },
    ],
    seeds: 50,
  },
  {
    name: "append without the check of what comes before",
    models: "entries are taken over behind others of another term (Raft §5.3)",
    patches: [
      {
        file: "src/raft/following.ts",
        find: "if (!log.matches(previous)) {",
        replace: "if (previous.index > log.lastIndex) {",
      },
    ],
    seeds: 100,
  },
  {
    name: "conflicting suffix kept",
    models: "entries of another leader stay where new ones should stand",
    patches: [
      {
        file: "src/raft/log.ts",
        find: "entries.findIndex((entry) => !this.matches(entry));",
        replace: "entries.findIndex((entry) => entry.index > this.lastIndex);",
      },
    ],
    seeds: 100,
  },
  {
    name: "late append cuts off what a later one brought",
    models: "truncation without a conflict",
    patches: [
      {
        file: "src/raft/log.ts",
        find: "entries.findIndex((entry) => !this.matches(entry));",
        replace: "entries.length - 1;",
      },
      {
        file: "src/raft/invariants.ts",
        find: "assert(from > commit, `entry ${from} is not overwritten, since ${commit} is committed`);",
        replace: "",
      },
    ],
    seeds: 100,
  },
  {
    name: "heartbeat commits more than matches",
    models: "the commit index travels without regard to what the receiver holds",
    patches: [
      {
        file: "src/raft/replication.ts",
        find: "Math.min(progress.match, log.commit)",
        replace: "log.commit",
      },
    ],
    seeds: 50,
  },
  {
    name: "hint taken for a match",
    models: "a refused append moves the match",
    patches: [
      {
        file: "src/raft/replication.ts",
        find: "if (!progress.rejected(answer.index, log.agreementWith({ index, term }))) return;",
        replace: "progress.accepted(log.agreementWith({ index, term }), log.firstIndex);",
      },
    ],
    seeds: 200,
  },
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
    name: "leader never steps down",
    models: "a leader that hears nobody goes on (no CheckQuorum)",
    patches: [
      {
        file: "src/raft/leadership.ts",
        find: "return this.#rest.isAsleep || now < this.#outOfTouchAt(now);",
        replace: "return true;",
      },
    ],
    seeds: 200,
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
