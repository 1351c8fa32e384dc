// Owns what is asked of every system: each workload is a description, and `steps.ts` performs it.

import type { Operation } from "./doors/door.ts";

/** Keys have 8 bytes and values 256. */
export const VALUE_BYTES = 256;
/** Keys that are there before anything is measured. */
export const KEYS = 10_000;
/** Keys that one list returns. */
export const LIST_KEYS = 1_000;
export const LEASES = 1_000;
/** More than any run makes. */
const NEW_KEYS_MAX = 10_000_000;
export const LEASE_TTL_SECONDS = 600;

export interface Workload {
  /** As the command line calls it. */
  readonly name: string;
  readonly title: string;
  /** How many clients ask at once, one case for each. */
  readonly clients: readonly number[];
  /** What is asked, and how often of a hundred times. */
  readonly mix: readonly { readonly operation: Operation; readonly percent: number }[];
}

const only = (operation: Operation): Workload["mix"] => [{ operation, percent: 100 }];

export const WORKLOADS: readonly Workload[] = [
  // New keys in their order. etcd's own benchmark overwrites one key unless it is told otherwise, so
  // neither this nor the next is what it measures.
  { name: "put", title: "Put of new keys", clients: [1, 16, 64, 256], mix: only("put") },
  {
    name: "overwrite",
    title: "Put that overwrites keys at random",
    clients: [64, 256],
    mix: only("overwrite"),
  },
  { name: "get", title: "Linearizable get", clients: [1, 16, 64, 256], mix: only("get") },
  {
    name: "serializable",
    title: "Serializable get",
    clients: [64],
    mix: only("getSerializable"),
  },
  { name: "txn", title: "Compare and swap in a transaction", clients: [64], mix: only("cas") },
  { name: "range", title: "Range of 1,000 keys by prefix", clients: [16], mix: only("list") },
  {
    name: "mixed",
    title: "Mixed: 90 gets, 10 puts",
    clients: [64],
    mix: [
      { operation: "get", percent: 90 },
      { operation: "overwrite", percent: 10 },
    ],
  },
  { name: "lease", title: "Lease keepalive", clients: [64], mix: only("keepAlive") },
];

/** The eight bytes of a key. */
export const keyOf = (number: number): string => `k${number.toString().padStart(7, "0")}`;

/** Of the keys that a run makes, none of which another run has, the one of that number. */
export const newKeyOf = (run: number, number: number): string =>
  `n${(run * NEW_KEYS_MAX + number).toString(36).padStart(7, "0")}`;

/** What all of `LIST_KEYS` keys begin with, the one of that number among them. */
export const prefixOf = (number: number): string => keyOf(number).slice(0, -3);
