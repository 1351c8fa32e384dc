// Owns planted bugs of elections, the log and replication.

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

const LOG = "src/raft/sql-log.ts";

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
    // Campaigns at the same time, and voters that are back before the other one asks.
    run: { members: 3, faults: { voterCrashRate: 0.6, urgeEveryMs: 150, winnerFaultRate: 0.5 } },
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
];
