// Owns planted bugs of members that come and go, and of snapshots.

import type { Mutant } from "./mutant.ts";

export const MEMBER_MUTANTS: readonly Mutant[] = [
  {
    name: "a blank replica votes",
    models: "a learner that was never promoted stands for election and is counted",
    patches: [
      {
        file: "src/raft/quorum.ts",
        find: "configuration.voters.includes(id) || configuration.outgoing.includes(id);",
        replace: "true;",
      },
      {
        file: "src/raft/quorum.ts",
        find: "distinct([...configuration.voters, ...configuration.outgoing], self);",
        replace: "distinct(configuration.voters.length > 0 ? configuration.voters : [], self);",
      },
      {
        file: "src/raft/quorum.ts",
        find: 'assert(voters.length > 0, "a configuration has voters");',
        replace: "",
      },
      {
        file: "src/raft/quorum.ts",
        find: 'if (granted >= majority(voters)) return "won";',
        replace: 'if (granted >= majority(voters) || voters.length === 0) return "won";',
      },
    ],
    seeds: 100,
    run: { members: 3 },
  },
  {
    name: "joint change without the old voters",
    models: "two configurations whose majorities do not meet (thesis §4.3)",
    patches: [
      {
        file: "src/raft/configuration.ts",
        find: "const outgoing = differences(from.voters, to.voters) > 1 ? from.voters : [];",
        replace: "const outgoing: never[] = [];",
      },
    ],
    seeds: 100,
    run: { members: 3 },
  },
  {
    name: "a new member takes itself for removed",
    models: "a membership from before it was added is taken for its own",
    patches: [
      {
        file: "src/replica/core.ts",
        find: "      this.#isUnsettled = true;",
        replace:
          "      this.#isUnsettled = true; const { members } = this.#machine.membership;\n" +
          "      this.#isRemoved ||= !members.some(({ id }) => id === this.#identity.memberId);",
      },
    ],
    seeds: 100,
    isSmall: true,
  },
  {
    name: "what was postponed is not applied before what comes next",
    models: "a campaign, or a vote, counts by a membership that was changed long since",
    patches: [
      {
        file: "src/replica/core.ts",
        find: "    if (this.#raft.hasReady()) this.#drain();\n  }\n\n  /** Its sender waits",
        replace: "  }\n\n  /** Its sender waits",
      },
    ],
    seeds: 100,
    isSmall: true,
  },
  {
    name: "snapshots only once the leader serves",
    models: "the quorum that it needs for that waits for a snapshot",
    patches: [
      {
        file: "src/replica/core.ts",
        find: 'this.#snapshots.follow(role === "leader", this.#now);',
        replace: "this.#snapshots.follow(isLeading, this.#now);",
      },
    ],
    seeds: 50,
    isSmall: true,
  },
  {
    name: "unversioned table missing from the snapshot",
    models: "leases are forgotten by whoever catches up",
    patches: [
      {
        file: "src/replica/applied-state.ts",
        find: "  LEASE_PAGES,\n",
        replace: "",
      },
    ],
    seeds: 100,
    isSmall: true,
  },
  {
    name: "snapshot with a hole",
    models: "a part that was lost is not asked for again",
    patches: [
      {
        file: "src/replica/snapshots.ts",
        find: "    transfer.part = part;\n    transfer.cursor = cursor;",
        replace: "    transfer.part = part;\n    if (part % 5 !== 3) transfer.cursor = cursor;",
      },
    ],
    seeds: 50,
    isSmall: true,
  },
  {
    name: "superseded versions missing from the snapshot",
    models: "whoever caught up cannot tell what was: HashKV differs at earlier revisions",
    patches: [
      {
        file: "src/mvcc/snapshot-source.ts",
        find: 'draft.add(until <= revision ? { kind: "superseded", until, row } : { kind: "live", row });',
        replace: 'if (until > revision) draft.add({ kind: "live", row });',
      },
    ],
    seeds: 100,
    isSmall: true,
  },
  {
    name: "what is not swept yet is compared",
    models: "a replica that sweeps later is taken for a corrupt one",
    patches: [
      {
        file: "src/mvcc/state-hash.ts",
        find: "{ revision: modMax, compacted: untilMin } = this;",
        replace: "{ revision: modMax } = this, untilMin = -1;",
      },
    ],
    seeds: 100,
    isSmall: true,
  },
  {
    name: "cluster version raised too early",
    models: "the newest code of any member counts, and the older code halts",
    patches: [
      {
        file: "src/replica/upgrade.ts",
        find: "const lowest = Math.min(",
        replace: "const lowest = Math.max(",
      },
    ],
    seeds: 100,
  },
];
