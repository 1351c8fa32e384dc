// Owns which requests may change something: without an outcome, nobody may say that they did not.

import type { AuthRequest } from "../base/auth.ts";
import { isReadOnlyTxn } from "../base/kv.ts";
import type { ClientRequest } from "./replica.ts";

const AUTH_READS: ReadonlySet<AuthRequest["op"]> = new Set<AuthRequest["op"]>([
  "status",
  "userGet",
  "userList",
  "roleGet",
  "roleList",
  "passwordOf",
]);

/** Whether the request may change something. */
export function mayWrite(request: ClientRequest): boolean {
  switch (request.kind) {
    case "range":
    case "leaseTimeToLive":
    case "leaseLeases":
    case "memberList":
    case "snapshot":
    case "status":
    case "hash":
    case "hashKv":
    case "defragment":
    case "downgrade":
    case "limits":
      return false;
    case "txn":
      return !isReadOnlyTxn(request.request);
    case "auth":
      return !AUTH_READS.has(request.request.op);
    default:
      return true;
  }
}
