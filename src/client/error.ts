// Owns the one error of the client: what etcd or the session said, and whether what was asked for may
// have happened all the same.

import { GRPC, type GrpcCode } from "../api/grpc-code.ts";
import type { Refusal } from "../base/refusal.ts";

interface About {
  readonly code: GrpcCode;
  readonly refusal?: Refusal | null;
  readonly isFateUnknown?: boolean;
  readonly compactRevision?: number | null;
}

/** Why there is no answer. Its message is etcd's wherever etcd has one. */
export class EdgekeeperError extends Error {
  override readonly name = "EdgekeeperError";
  /** As gRPC numbers them: 14 is "unavailable". */
  readonly code: GrpcCode;
  /** By what name the store refused; null when it did not, or for a reason newer than this code. */
  readonly refusal: Refusal | null;
  /** It was a write that may have happened, or may yet. False: nothing has changed. */
  readonly isFateUnknown: boolean;
  /** Of a watch that would begin in what was compacted: the first revision that it could begin at. */
  readonly compactRevision: number | null;

  constructor(message: string, about: About) {
    super(message);
    this.code = about.code;
    this.refusal = about.refusal ?? null;
    this.isFateUnknown = about.isFateUnknown ?? false;
    this.compactRevision = about.compactRevision ?? null;
  }
}

/** Of a request that was under way when its session ended. */
export const unavailable = (message: string): EdgekeeperError =>
  new EdgekeeperError(message, { code: GRPC.unavailable, isFateUnknown: true });

/** Of what is wrong with the request itself: nothing was sent. */
export const invalid = (message: string, refusal: Refusal | null = null): EdgekeeperError =>
  new EdgekeeperError(message, { code: GRPC.invalidArgument, refusal });

/** Whether asking again, later, may help. */
export const isPassing = (error: unknown): boolean =>
  error instanceof EdgekeeperError &&
  (error.code === GRPC.unavailable ||
    error.code === GRPC.deadlineExceeded ||
    error.refusal === "tooManyRequests");

/** Whether the store has refused for this reason. */
export const isRefused = (error: unknown, refusal: Refusal): boolean =>
  error instanceof EdgekeeperError && error.refusal === refusal;

/** Resolves as well when the lease that was to end has ended by itself. */
export async function unlessLeaseIsGone(ending: Promise<unknown>): Promise<void> {
  try {
    await ending;
  } catch (error) {
    if (!isRefused(error, "leaseNotFound")) throw error;
  }
}
