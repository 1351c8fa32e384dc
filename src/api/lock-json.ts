// Owns the JSON of etcd's lock service.

import { accept, type Result } from "../base/result.ts";
import { asLeaseId, type Bytes, type LeaseId, type Revision } from "../base/types.ts";
import { printBytes, printHeader, printInteger } from "./answer-json.ts";
import type { ApiError } from "./error.ts";
import { named } from "./json-schema.ts";
import { bytes, decodeMessage, int64, message } from "./proto-json.ts";
import type { Header } from "./replica.ts";

export const lockMessage = named("LockRequest", message({ name: bytes, lease: int64 }));
export const unlockMessage = named("UnlockRequest", message({ key: bytes }));

export interface LockRequest {
  readonly name: Bytes;
  /** 0: one of the server's own, which ends after a minute. */
  readonly lease: LeaseId;
}

/** `POST /v3/lock/lock`. */
export function readLock(body: string): Result<LockRequest, ApiError> {
  const read = decodeMessage(lockMessage, body);
  if (!read.ok) return read;
  return accept({ name: read.value.name, lease: asLeaseId(read.value.lease) });
}

/** `POST /v3/lock/unlock`. */
export const readUnlock = (body: string): Result<{ readonly key: Bytes }, ApiError> =>
  decodeMessage(unlockMessage, body);

/** `create_revision`, the fencing token, is a field of our own: clients pass over what they do not know. */
export const lockBody = (
  header: Header,
  { key, createRevision }: { readonly key: Bytes; readonly createRevision: Revision },
): string =>
  JSON.stringify({
    header: printHeader(header),
    key: printBytes(key),
    create_revision: printInteger(createRevision),
  });

/** The answer of calls that say that it is done. */
export const doneBody = (header: Header): string => JSON.stringify({ header: printHeader(header) });
