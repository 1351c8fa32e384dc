// Owns performing a workload: which key is asked for next, and what must be there before.

import { Random } from "../../src/raft/random.ts";
import type { Connection, Operation } from "./doors/door.ts";
import {
  KEYS,
  LEASE_TTL_SECONDS,
  LEASES,
  LIST_KEYS,
  VALUE_BYTES,
  keyOf,
  newKeyOf,
  prefixOf,
  type Workload,
} from "./workloads.ts";

/** How many are under way while a store is filled. */
const FILLERS = 64;
const SEED = 1;

type Step = (client: number) => Promise<unknown>;

/** Values differ, and no system can make them smaller. */
export const valueOf = (random: Random): string => {
  let text = "";
  while (text.length < VALUE_BYTES)
    text += random
      .between(0, 36 ** 6)
      .toString(36)
      .padStart(6, "0");
  return text.slice(0, VALUE_BYTES);
};

/** Does `step` for all numbers below `count`, many at a time. */
export async function inParallel(
  count: number,
  step: (number: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const filler = async (): Promise<void> => {
    while (next < count) await step(next++);
  };
  await Promise.all(Array.from({ length: Math.min(FILLERS, count) }, filler));
}

/** Puts what operations ask for, as far as the door can. */
export async function prepare(
  connection: Connection,
  given: { readonly operations: ReadonlySet<Operation>; readonly can: readonly Operation[] },
): Promise<void> {
  const { operations, can } = given;
  const random = new Random(SEED);
  if (operations.has("keepAlive") && can.includes("keepAlive")) {
    await inParallel(LEASES, (n) => connection.grant(leaseOf(n), LEASE_TTL_SECONDS));
  }
  const [only] = operations;
  if (operations.size === 1 && only === "keepAlive") return;
  await inParallel(KEYS, (n) => connection.put(keyOf(n), valueOf(random)));
}

const leaseOf = (number: number): bigint => BigInt(number + 1);

/** One operation of one client, as the mix says. `run` is a number that no other run has. */
export function stepsOf(connection: Connection, workload: Workload, run: number): Step {
  const random = new Random(SEED);
  // A handful is enough: to make each anew would take the client's time.
  const values = Array.from({ length: 64 }, () => valueOf(random));
  const value = (): string => values[random.between(0, values.length)]!;
  const key = (): string => keyOf(random.between(0, KEYS));
  let created = 0;
  /** Where each client's key was changed last. */
  const revisions = new Map<number, number>();
  const by: Record<Operation, Step> = {
    put: () => connection.put(newKeyOf(run, created++), value()),
    overwrite: () => connection.put(key(), value()),
    get: () => connection.get(key()),
    getSerializable: () => connection.getSerializable(key()),
    cas: async (client) => {
      // A key of its own for each client: the comparison holds, as without contention it does.
      const own = `c${`${run % 10_000}`.padStart(4, "0")}${`${client}`.padStart(3, "0")}`;
      revisions.set(client, await connection.cas(own, value(), revisions.get(client) ?? 0));
    },
    list: async () => {
      const count = await connection.list(prefixOf(random.between(0, KEYS)));
      if (count !== LIST_KEYS) throw new Error(`a list of ${count} keys`);
    },
    keepAlive: () => connection.keepAlive(leaseOf(random.between(0, LEASES))),
  };
  const [first] = workload.mix;
  if (workload.mix.length === 1) return by[first!.operation];
  return (client) => by[draw(workload.mix, random.between(0, 100))](client);
}

function draw(mix: Workload["mix"], number: number): Operation {
  let below = 0;
  for (const { operation, percent } of mix) {
    below += percent;
    if (number < below) return operation;
  }
  throw new Error("the shares of a mix add up to 100");
}
