// Owns which entries are refused by the state of the cluster, whatever they would do: by its alarms
// and by its limits. Replicas agree, for all of that is replicated. Source: etcd
// server/etcdserver/apply/apply.go, applierV3Capped and applierV3Corrupt.

import { costOfPut, costOfTxn, LEASE_COST_BYTES } from "../base/cost.ts";
import { isReadOnlyTxn } from "../base/kv.ts";
import type { Refusal } from "../base/refusal.ts";
import type { LeaseTable } from "../lease/lease-table.ts";
import type { ClusterState } from "./cluster-state.ts";
import type { Command } from "./command.ts";

/** What the command would take of the quota, in bytes. */
export function costOf(command: Command): number {
  switch (command.kind) {
    case "put":
      return costOfPut(command.request);
    case "txn":
      return costOfTxn(command.request);
    case "leaseGrant":
      return LEASE_COST_BYTES;
    default:
      return 0;
  }
}

/** Why the alarms forbid the command, or null. */
export function forbidden(command: Command, { alarms }: ClusterState): Refusal | null {
  if (alarms.active.length === 0) return null;
  if (alarms.has("corrupt") && changesKeys(command)) return "corrupt";
  return alarms.has("noSpace") && costOf(command) > 0 ? "noSpace" : null;
}

/** Whether the grant would be one lease too many. One that exists already is refused as such. */
export const isLeaseTooMany = (
  { id }: Command & { readonly kind: "leaseGrant" },
  leases: LeaseTable,
  { limits }: ClusterState,
): boolean => limits.current.leases > 0 && leases.size >= limits.current.leases && !leases.has(id);

/** What etcd refuses while the cluster is corrupt; the cluster itself can still be looked after. */
function changesKeys(command: Command): boolean {
  switch (command.kind) {
    case "put":
    case "deleteRange":
    case "compact":
    case "leaseGrant":
    case "leaseRevoke":
    case "leaseExpire":
      return true;
    case "txn":
      return !isReadOnlyTxn(command.request);
    default:
      return false;
  }
}
