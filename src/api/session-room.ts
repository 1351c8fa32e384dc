// Owns how many watches fit a session: their specifications must fit the replica's memory of the socket.

import { ATTACHMENT_BYTES_MAX, SESSION_WATCHES_MAX } from "../base/limits.ts";
import type { WatchSpec } from "../base/watch.ts";

/** What a specification takes besides its keys: numbers and flags. */
const SPEC_OVERHEAD_BYTES = 40;
/** The rest is room for what else the replica keeps with the socket. */
const SPEC_BYTES_MAX = ATTACHMENT_BYTES_MAX - 1_000;

/** What a specification takes of a session's room, about. */
export const specSize = (spec: Pick<WatchSpec, "key" | "rangeEnd">): number =>
  spec.key.length + spec.rangeEnd.length + SPEC_OVERHEAD_BYTES;

/** Whether a session with so many watches, of so many bytes, can take one more of `size`. */
export const hasRoom = (
  session: { readonly watches: number; readonly specBytes: number },
  size: number,
): boolean =>
  session.watches < SESSION_WATCHES_MAX &&
  (session.watches === 0 || session.specBytes + size <= SPEC_BYTES_MAX);
