// Owns choosing the ids of leases.

import type { ClientRequest } from "../api/replica.ts";
import { asLeaseId, NO_LEASE, type LeaseId } from "../base/types.ts";
import type { Platform } from "./platform.ts";

/**
 * A grant without an id gets one here, before the first attempt: a repeat of the same request then
 * names the same lease.
 */
export function withLeaseId(request: ClientRequest, random: Platform["random"]): ClientRequest {
  if (request.kind !== "leaseGrant" || request.id !== NO_LEASE) return request;
  return { ...request, id: randomLeaseId(random) };
}

/** A positive 63-bit id, as etcd chooses them. */
function randomLeaseId(random: Platform["random"]): LeaseId {
  const bytes = random(8);
  const bits = new DataView(bytes.buffer).getBigUint64(0);
  return asLeaseId(BigInt.asUintN(63, bits) || 1n);
}
