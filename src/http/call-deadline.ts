// Owns `Grpc-Timeout`: how long a client says it will wait. Nobody waits longer for it; what it asked
// for may happen all the same.

import type { MiddlewareHandler } from "hono";
import { GATEWAY_ERRORS, malformed } from "../api/error.ts";
import type { Conversation } from "./conversation.ts";
import type { LineSink } from "./line-sink.ts";
import type { Platform } from "./platform.ts";
import { errorResponse, RequestError } from "./response.ts";

const TIMEOUT = /^([+-]?[0-9]{1,19})([HMSmun])$/;
const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};
/** Timers count in 31 bits; nobody waits 24 days for an answer. */
const TIMER_MS_MAX = 2_147_483_647;

/**
 * The timeout in milliseconds, 0 when it has passed; null without one, which is what a timeout of 0
 * says too. @throws RequestError for what is no timeout.
 */
export function timeoutOf(request: Request): number | null {
  const text = request.headers.get("Grpc-Timeout") ?? "";
  if (text === "") return null;
  const [, count, unit] = TIMEOUT.exec(text) ?? [];
  if (unit === undefined) throw new RequestError(malformed(`invalid grpc-timeout: ${text}`));
  if (Number(count) === 0) return null;
  return Math.min(Math.max(Number(count) * UNIT_MS[unit]!, 0), TIMER_MS_MAX);
}

/** Answers in time, with an error if need be. `isStream` tells calls that see to it themselves. */
export function withinTimeout(
  sleep: Platform["sleep"],
  isStream: (path: string) => boolean,
): MiddlewareHandler {
  return async (context, next) => {
    const ms = timeoutOf(context.req.raw);
    if (ms === null || isStream(context.req.path)) return next();
    // Less than a millisecond is over before anything can be asked.
    if (ms < 1) return errorResponse(GATEWAY_ERRORS.deadlineExceeded);
    const answered = new AbortController();
    const late = sleep(ms, answered.signal).then(() => !answered.signal.aborted);
    const inTime = next().then(() => false);
    const isLate = await Promise.race([inTime, late]);
    answered.abort();
    if (!isLate) return undefined;
    inTime.catch(() => undefined);
    return errorResponse(GATEWAY_ERRORS.deadlineExceeded);
  };
}

/** Ends a stream when its client's time has passed. Less than a millisecond has passed already. */
export async function endInTime(
  stream: { readonly conversation: Conversation; readonly sink: LineSink },
  sleep: Platform["sleep"],
  patience: { readonly ms: number | null; readonly over: AbortSignal },
): Promise<void> {
  if (patience.ms === null) return;
  await sleep(patience.ms, patience.over);
  if (patience.over.aborted) return;
  stream.conversation.close();
  await stream.sink.fail(GATEWAY_ERRORS.deadlineExceeded);
}
