// Owns choosing the ids of leases.

import { asLeaseId, NO_LEASE, type Bytes, type LeaseId } from "../base/types.ts";
import type { ClientRequest } from "./replica.ts";

/** Bytes that nobody can guess, so many. */
type RandomBytes = (size: number) => Bytes;

/**
 * A grant without an id gets one here, before the first attempt: a repeat of the same request then
 * names the same lease.
 */
export function withLeaseId<Request extends ClientRequest>(
  request: Request,
  random: RandomBytes,
): Request {
  if (request.kind !== "leaseGrant" || request.id !== NO_LEASE) return request;
  return { ...request, id: randomLeaseId(random) };
}

/** A positive 63-bit id, as etcd chooses them. */
function randomLeaseId(random: RandomBytes): LeaseId {
  const bytes = random(8);
  const bits = new DataView(bytes.buffer).getBigUint64(0);
  return asLeaseId(BigInt.asUintN(63, bits) || 1n);
}
