// Owns the arithmetic of a bill: from what was counted in a while to what a month costs.

import {
  GIGABYTES_BILLED,
  MESSAGES_PER_REQUEST,
  PLAN_DOLLARS,
  PRICES,
  type Billed,
} from "./prices.ts";

/** What a reference workload did in so many seconds, counted. All replicas together. */
export interface Counted {
  readonly name: string;
  readonly title: string;
  readonly seconds: number;
  readonly rowsWritten: number;
  /** Calls of replicas to each other. */
  readonly peerCalls: number;
  /** Clients that stay connected: each time that one comes, it is a request of the Worker and a call. */
  readonly sockets: number;
  /** WebSocket messages that clients sent, pings excepted: those are answered for nothing. */
  readonly clientMessages: number;
  /** Seconds that replicas were awake, added up. */
  readonly awakeSeconds: number;
  /** Of all databases, once history is compacted as often as it comes. */
  readonly storedBytes: number;
}

export interface Bill {
  readonly title: string;
  readonly amounts: Readonly<Record<Billed, number>>;
  /** As if nothing were included. */
  readonly dollars: Readonly<Record<Billed, number>>;
  /** All of these. */
  readonly grossDollars: number;
  /** With the plan and what it includes, were there nothing else in the account. */
  readonly netDollars: number;
}

/** Assumed, not counted: networks break and code is deployed, four times a day for each client. */
const CONNECTIONS_PER_MONTH = 4 * 30;
const MONTH_SECONDS = 30 * 24 * 3_600;
const GIGABYTE = 1e9;

export function billOf(counted: Counted): Bill {
  const months = MONTH_SECONDS / counted.seconds;
  const connections = counted.sockets * CONNECTIONS_PER_MONTH;
  const messages = counted.clientMessages / MESSAGES_PER_REQUEST;
  const amounts: Record<Billed, number> = {
    workerRequests: connections,
    objectRequests: connections + (counted.peerCalls + messages) * months,
    gigabyteSeconds: counted.awakeSeconds * GIGABYTES_BILLED * months,
    rowsWritten: counted.rowsWritten * months,
    gigabytesStored: counted.storedBytes / GIGABYTE,
  };
  const kinds = Object.keys(PRICES) as Billed[];
  const priced = (amount: (kind: Billed) => number): Record<Billed, number> =>
    Object.fromEntries(
      kinds.map((kind) => [kind, (amount(kind) / 1e6) * PRICES[kind].dollarsPerMillion]),
    ) as Record<Billed, number>;
  const dollars = priced((kind) => amounts[kind]);
  const beyond = priced((kind) => Math.max(0, amounts[kind] - PRICES[kind].included));
  const sum = (all: Record<Billed, number>): number =>
    kinds.reduce((total, kind) => total + all[kind], 0);
  const { title } = counted;
  return {
    title,
    amounts,
    dollars,
    grossDollars: sum(dollars),
    netDollars: PLAN_DOLLARS + sum(beyond),
  };
}
