// Owns planted bugs of what forbids: permissions, alarms, and how both reach every replica.

import { NO_FAULTS } from "../faults.ts";
import type { Mutant } from "./mutant.ts";

const APPLIER = "src/apply/applier.ts";

/** What is allowed changes all the time, under many writes; leaders change now and then. */
const RULES: NonNullable<Mutant["run"]> = {
  members: 3,
  faults: { ...NO_FAULTS, urgeEveryMs: 2_000, confirmMsMax: 20 },
  load: { kvClients: 4, everyMs: 10, leaseClients: 0, watchers: 0, administerEveryMs: 60 },
  off: new Set(["members", "upgrade"]),
};

/** Replicas lag, and catch up by snapshot. */
const LAGGING: NonNullable<Mutant["run"]> = {
  ...RULES,
  faults: { ...NO_FAULTS, crashEveryMs: 1_500, partitionEveryMs: 1_500 },
};

export const RULE_MUTANTS: readonly Mutant[] = [
  {
    name: "permission checked when a write is proposed only",
    models: "an entry behind the one that took its permission away is applied",
    patches: [
      {
        file: APPLIER,
        find: "const refusal = this.#permissionRefusal(proposal);",
        replace: "const refusal = null;",
      },
    ],
    seeds: 40,
    run: RULES,
  },
  {
    name: "alarm not heeded when an entry is applied",
    models: "a put that was on its way when the alarm was raised is applied",
    patches: [
      {
        file: APPLIER,
        find: "const refusal = forbidden(command, this.#cluster);",
        replace: "const refusal = null;",
      },
    ],
    seeds: 40,
    run: RULES,
  },
  {
    name: "permission looked up in the memory of a replica",
    models: "what a user may do is not forgotten when it has changed",
    patches: [
      {
        file: "src/auth/auth-state.ts",
        find: "    this.#holders.forget();",
        replace:
          "    if (head.enabled !== this.was) this.#holders.forget();\n    this.was = head.enabled;",
      },
    ],
    seeds: 40,
    run: RULES,
  },
  {
    name: "tokens left out of a snapshot",
    models: "a replica that caught up by snapshot knows users, and none of their tokens",
    patches: [
      {
        file: "src/auth/auth-tables.ts",
        find: "SELECT * FROM auth_token ORDER BY token",
        replace: "SELECT * FROM auth_token WHERE deadline < 0",
      },
    ],
    seeds: 60,
    isSmall: true,
    run: LAGGING,
  },
  {
    name: "limits left out of a snapshot",
    models: "replicas that caught up by snapshot grant other leases than the others",
    patches: [
      {
        file: "src/apply/stored-limits.ts",
        find: "  copy: readColumn,",
        replace: "  copy: () => null,",
      },
    ],
    seeds: 60,
    isSmall: true,
    run: LAGGING,
  },
];
