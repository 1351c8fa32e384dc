// Owns what each request of a client needs: a check of its form, a read of the state, or a command.

import type { Command } from "../apply/command.ts";
import { isAuthQuery } from "../auth/auth-command.ts";
import type { AuthState } from "../auth/auth-state.ts";
import type { ClientAnswer, ClientRequest, ReplicaCall } from "../api/replica.ts";
import { present, unreachable } from "../base/assert.ts";
import { isReadOnlyTxn } from "../base/kv.ts";
import type { Refusal } from "../base/refusal.ts";
import { accept, type Result } from "../base/result.ts";
import type { ClusterTime } from "../base/types.ts";
import { checkDeleteRangeForm, checkPutForm, checkRangeForm, checkTxnForm } from "../mvcc/check.ts";
import type { Store } from "../mvcc/store.ts";
import type { LeaseKeeper } from "./lease-keeper.ts";

/** Why the request can be refused without looking at any state; null when it cannot. */
export function refusalAtDoor(request: ClientRequest): Refusal | null {
  switch (request.kind) {
    case "range":
      return checkRangeForm(request.request);
    case "put":
      return checkPutForm(request.request);
    case "deleteRange":
      return checkDeleteRangeForm(request.request);
    case "txn":
      return checkTxnForm(request.request);
    default:
      return null;
  }
}

/** Whether the request is answered from the state, once this replica is known to lead. */
export function isRead(request: ClientRequest): boolean {
  switch (request.kind) {
    case "range":
    case "leaseKeepAlive":
    case "leaseTimeToLive":
    case "leaseLeases":
    case "memberList":
    case "snapshot":
    case "hashKv":
    case "hash":
    case "downgrade":
    case "limits":
      return true;
    case "alarm":
      // Nothing is active under the name of no alarm: nothing to change.
      return request.action === "get" || request.alarm === null;
    case "txn":
      return isReadOnlyTxn(request.request);
    case "auth":
      return isAuthQuery(request.request);
    default:
      return false;
  }
}

/** Whether any replica answers, from what it has; a leader is not needed. */
export const isLocal = (request: ClientRequest): boolean =>
  ((request.kind === "range" || request.kind === "auth") && request.serializable === true) ||
  request.kind === "status" ||
  request.kind === "defragment";

/** A read of keys that says how fresh its answer must be: any replica may answer it. */
export const isBounded = ({ request, freshness }: ReplicaCall): boolean =>
  freshness !== undefined &&
  (request.kind === "range" || request.kind === "txn") &&
  isRead(request);

/** A read of keys that this replica may answer though it does not lead. */
export const isReadAnywhere = (call: ReplicaCall): boolean =>
  isBounded(call) || (call.request.kind === "range" && call.request.serializable);

/** The answer of a read other than a keepalive, from the state as it is. */
export function answerRead(
  request: ClientRequest,
  state: {
    readonly store: Store;
    readonly keeper: LeaseKeeper;
    readonly auth: AuthState;
    readonly time: ClusterTime;
  },
): Result<ClientAnswer, Refusal> {
  const { store, keeper, auth, time } = state;
  const { kind } = request;
  switch (kind) {
    case "range": {
      const result = store.range(request.request);
      return result.ok ? accept({ kind, answer: result.value }) : result;
    }
    case "txn": {
      const result = store.readTxn(request.request);
      return result.ok ? accept({ kind, answer: result.value }) : result;
    }
    case "leaseTimeToLive": {
      const answer = keeper.timeToLive(request.id, time);
      const keys = request.keys ? store.keysOfLease(request.id) : [];
      return accept({ kind, answer: { ...answer, keys } });
    }
    case "leaseLeases":
      return accept({ kind, answer: { leases: keeper.leases() } });
    case "auth": {
      const { request: query } = request;
      if (!isAuthQuery(query)) return unreachable(`${query.op} is a read`);
      const result = auth.answer(query);
      return result.ok ? accept({ kind, answer: result.value }) : result;
    }
    default:
      return unreachable(`${kind} is a read`);
  }
}

/** The command of a request that writes, in a cluster of version `version`. */
export function commandOf(request: ClientRequest, version: number): Command {
  const { kind } = request;
  switch (kind) {
    case "put":
      return { kind, request: request.request };
    case "deleteRange":
      return { kind, request: request.request };
    case "txn":
      return { kind, request: request.request };
    case "compact":
      return { kind, revision: request.revision };
    case "leaseGrant":
      return { kind, id: request.id, ttlSeconds: request.ttlSeconds };
    case "leaseRevoke":
      return { kind, id: request.id };
    case "capVersion":
      return {
        kind: "version",
        version: Math.min(version, request.cap ?? version),
        cap: request.cap,
      };
    case "auth":
      if (isAuthQuery(request.request)) return unreachable(`${request.request.op} is a write`);
      return { kind, request: request.request };
    case "alarm": {
      const { member } = request;
      const alarm = present(request.alarm, "only a named alarm is changed");
      return { kind, raises: request.action === "activate", automatic: false, member, alarm };
    }
    case "setLimits":
      return { kind: "limits", limits: request.limits };
    default:
      return unreachable(`${kind} is a write`);
  }
}
