// Owns what can be asked for at all: what cannot be said in the session's bytes, or not in one message,
// would end the session, and with it what others have asked for.

import { isIdempotencyKey } from "../base/idempotency-key.ts";
import { SESSION_MESSAGE_BYTES_MAX } from "../base/limits.ts";
import { invalid } from "./error.ts";

/** As the session's signed numbers. */
const NUMBER_MAX = 2 ** 51;
/** Above what a store takes; others may be in the same message. */
const BYTES_MAX = SESSION_MESSAGE_BYTES_MAX / 2;

/** @throws EdgekeeperError for numbers that are not whole or too large, and for too many bytes. */
export function checkSendable(value: object): void {
  const bytes = sizeOf(value);
  if (bytes > BYTES_MAX) throw invalid("etcdserver: request is too large", "requestTooLarge");
  if (Number.isNaN(bytes))
    throw invalid("edgekeeper: revisions, limits and times are whole numbers");
}

/** @throws EdgekeeperError */
export function checkIdempotencyKey(key: string): void {
  if (!isIdempotencyKey(key))
    throw invalid("edgekeeper: an idempotency key is 1 to 255 visible letters of ASCII");
}

/** About; not a number when there is one in it that cannot be sent. */
function sizeOf(value: unknown): number {
  if (typeof value === "number")
    return Number.isInteger(value) && Math.abs(value) <= NUMBER_MAX ? 8 : Number.NaN;
  if (value instanceof Uint8Array) return value.length;
  if (typeof value !== "object" || value === null) return 0;
  return Object.values(value).reduce<number>((sum, each) => sum + sizeOf(each), 0);
}
