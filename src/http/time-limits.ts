// Owns what a client says about its patience: how long a call may take (`Grpc-Timeout`), and whether
// it wants to wait for a leader (`Grpc-Metadata-hasleader`).

import type { Context, MiddlewareHandler } from "hono";
import { malformed } from "../api/error.ts";
import type { Platform } from "./platform.ts";
import { RequestError } from "./response.ts";
import type { RouterRequest } from "./router.ts";

const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/** Timers count no further than 2^31 ms. Whoever would wait longer than 24 days waits for ever. */
const TIMER_MS_MAX = 2_147_483_647;

/**
 * etcd answers at once without a leader; a router has to look for one first. Calls look for an
 * election timeout, streams for three, as etcd's do.
 */
const LEADER_MS = 1_000;
const STREAM_LEADER_MS = 3_000;

const DEADLINE = "deadline";

/** Takes note of when a call's time is over. */
export const limitTime =
  (clock: Platform["clock"]): MiddlewareHandler =>
  async (context, next) => {
    const ms = timeoutOf(context.req.header("Grpc-Timeout") ?? "");
    if (ms !== null) context.set(DEADLINE, clock() + ms);
    await next();
  };

/** When the call's time is over, or null. */
const deadlineOf = (context: Context): number | null =>
  (context.get(DEADLINE) as number | undefined) ?? null;

/** Does `act` when the call's time is over, if it has a limit, unless `done` aborts before. */
export async function atDeadline(
  { clock, sleep }: Pick<Platform, "clock" | "sleep">,
  context: Context,
  act: () => void,
  done?: AbortSignal,
): Promise<void> {
  const deadline = deadlineOf(context);
  if (deadline === null) return;
  await sleep(Math.max(0, deadline - clock()), done);
  if (done?.aborted !== true) act();
}

/** What the router is told of a call's patience. */
export function patienceOf(context: Context): Pick<RouterRequest, "deadline" | "leaderWithinMs"> {
  const deadline = deadlineOf(context);
  return {
    ...(deadline === null ? {} : { deadline }),
    ...(needsLeader(context) ? { leaderWithinMs: LEADER_MS } : {}),
  };
}

/** The same of a stream: it ends when there has been no leader for that long. */
export const streamPatienceOf = (context: Context): Pick<RouterRequest, "leaderWithinMs"> =>
  needsLeader(context) ? { leaderWithinMs: STREAM_LEADER_MS } : {};

const needsLeader = (context: Context): boolean =>
  context.req.header("Grpc-Metadata-hasleader") === "true";

/**
 * Milliseconds; null when there is no limit, as for 0. Clocks here count milliseconds: what is less
 * is over before the call begins, as it is for etcd.
 *
 * @throws RequestError for what is no timeout.
 */
function timeoutOf(text: string): number | null {
  if (text === "") return null;
  const [, digits, unit] = /^([+-]?[0-9]{1,18})([HMSmun])$/.exec(text) ?? [];
  if (digits === undefined || unit === undefined) {
    throw new RequestError(malformed(`invalid grpc-timeout: ${text}`));
  }
  const ms = Number(digits) * UNIT_MS[unit]!;
  if (ms === 0 || ms > TIMER_MS_MAX) return null;
  return Math.max(0, Math.floor(ms));
}
