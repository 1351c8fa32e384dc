// Owns planted bugs of what is remembered of writes that clients have named.

import type { Mutant } from "./mutant.ts";

const ANSWERS = "src/apply/keyed-answers.ts";
const MEMORY = "src/apply/keyed-memory.ts";
const ROWS = "src/apply/keyed-rows.ts";

export const KEYED_MUTANTS: readonly Mutant[] = [
  {
    name: "key forgotten early",
    models: "keys are remembered for a second, as if it were the window of a request",
    patches: [
      {
        file: ROWS,
        find: "  then >= now - IDEMPOTENCY_WINDOW_MS;",
        replace: "  then >= now - 1_000;",
      },
    ],
    seeds: 40,
  },
  {
    name: "key forgotten by a restart",
    models: "what stands in the rows is not read when an object begins",
    patches: [
      {
        file: MEMORY,
        find: "    for (const { write, slot } of recalled) this.#keep(write, slot);",
        replace: "",
      },
    ],
    seeds: 60,
  },
  {
    name: "row of a key written again too early",
    models: "a slot counts as free while its writes are remembered",
    patches: [
      {
        file: MEMORY,
        find: "    if (oldest === undefined || isRemembered(oldest.time, now)) return this.#slotCount++;",
        replace: "    if (oldest === undefined) return this.#slotCount++;",
      },
    ],
    seeds: 40,
  },
  {
    name: "keys left out of snapshots",
    models: "a replica that caught up by snapshot applies a repeat",
    patches: [
      {
        file: "src/replica/applied-state.ts",
        find: "  LIMITS,\n  KEYED_WRITES,\n];",
        replace: "  LIMITS,\n];",
      },
    ],
    seeds: 200,
    isSmall: true,
  },
  {
    name: "mismatch not noticed",
    models: "the same key with another request has the first one's answer",
    patches: [
      {
        file: ANSWERS,
        find: "    if (!equalBytes(first.fingerprint, fingerprint)) {",
        replace: "    if (first.fingerprint.length === 0) {",
      },
    ],
    seeds: 40,
  },
  {
    name: "another user's answer",
    models: "keys are the cluster's, and not their user's",
    patches: [
      {
        file: "src/apply/keyed.ts",
        find: "`${user}\\0${key}`;",
        replace: "`${user.slice(0, 0)}\\0${key}`;",
      },
    ],
    seeds: 60,
  },
  {
    name: "refusal remembered by its key",
    models: "what did not happen cannot be asked for again",
    patches: [
      {
        file: "src/apply/applier.ts",
        find: "    if (keyed !== null && outcome.ok) {",
        replace: "    if (keyed !== null) {",
      },
    ],
    seeds: 60,
  },
];
