// Owns what is read from a gRPC call besides its message.

import type { Metadata } from "@grpc/grpc-js";
import type { CallContext } from "./upstream.ts";

/** What all kinds of calls have in common. */
export interface AnyCall {
  readonly metadata: Metadata;
  readonly cancelled: boolean;
  getDeadline(): Date | number;
  on(event: "cancelled", listener: () => void): unknown;
}

export function contextOf(call: AnyCall): CallContext {
  const over = new AbortController();
  call.on("cancelled", () => over.abort());
  if (call.cancelled) over.abort();
  return {
    token: textOf(call.metadata, "token"),
    authorization: textOf(call.metadata, "authorization"),
    idempotencyKey: textOf(call.metadata, "idempotency-key"),
    needsLeader: textOf(call.metadata, "hasleader") === "true",
    timeoutMs: timeoutOf(call.getDeadline()),
    signal: over.signal,
  };
}

function textOf(metadata: Metadata, name: string): string | null {
  const [value] = metadata.get(name);
  return value === undefined ? null : value.toString();
}

function timeoutOf(deadline: Date | number): number | null {
  const at = Number(deadline);
  return Number.isFinite(at) ? Math.max(1, at - Date.now()) : null;
}
