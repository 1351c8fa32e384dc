// Owns the verdict: whether somebody may do what a request needs. The same on the leader that takes a
// request in, and on every replica that applies its entry.
// Source: etcd server/auth/store.go (isOpPermitted, IsAdminPermitted), etcdserver/apply/auth.go.

import { EMPTY } from "../base/bytes.ts";
import { intervalOf } from "../base/interval.ts";
import type { Refusal } from "../base/refusal.ts";
import type { Bytes, LeaseId } from "../base/types.ts";
import type { AuthState } from "./auth-state.ts";
import type { Holder } from "./holders.ts";
import { covers } from "./interval-union.ts";
import type { Access, Need } from "./need.ts";

/** Who asks, by the name that a token told. */
export interface Requester {
  readonly name: string;
  /** Of a simple token: at which the token was found valid. Else: which the token itself says. */
  readonly authRevision: number;
  /** A simple token follows the changes of users and roles; one that says a revision gets old. */
  readonly follows: boolean;
}

/** The keys that hang on a lease; for null, on any. */
export type KeysOfLease = (lease: LeaseId | null) => readonly Bytes[];

/**
 * Why `requester` (null: nobody that is known) may not have `need`, or null. Anybody may have anything
 * while auth is off.
 */
export function refusalOf(
  auth: AuthState,
  need: Need,
  options: { readonly requester: Requester | null; readonly keysOfLease: KeysOfLease },
): Refusal | null {
  if (!auth.enabled || need.kind === "nothing") return null;
  const { requester, keysOfLease } = options;
  if (requester === null) return "userNameEmpty";
  const holder = auth.holder(requester.name);
  if (requester.follows && !hasToken(holder, requester)) return "invalidAuthToken";
  switch (need.kind) {
    case "root":
      return rootRefusal(holder);
    case "user":
      return requester.name === need.name ? null : rootRefusal(holder);
    case "role":
      return holder?.roles.includes(need.name) === true ? null : rootRefusal(holder);
    case "accesses": {
      const isOld = !requester.follows && requester.authRevision < auth.revision;
      return accessRefusal(need.accesses, { holder, isOld, keysOfLease });
    }
    default:
      return need satisfies never;
  }
}

/** Whether no token that was valid at that revision has been ended since. */
const hasToken = (holder: Holder | null, { authRevision }: Requester): boolean =>
  holder !== null && holder.tokensSince <= authRevision;

function rootRefusal(holder: Holder | null): Refusal | null {
  if (holder === null) return "userNotFound";
  return holder.isRoot ? null : "permissionDenied";
}

/** That a token is old is said before anything else, and only where keys are asked for. */
function accessRefusal(
  accesses: readonly Access[],
  options: {
    readonly holder: Holder | null;
    readonly isOld: boolean;
    readonly keysOfLease: KeysOfLease;
  },
): Refusal | null {
  const { holder, isOld, keysOfLease } = options;
  if (accesses.length === 0) return holder === null ? "permissionDenied" : null;
  for (const access of accesses) {
    if ("interval" in access) {
      if (isOld) return "authRevisionOld";
      if (!mayAccess(holder, access.right, access.interval)) return "permissionDenied";
      continue;
    }
    if (holder?.isRoot === true) continue;
    for (const key of keysOfLease(access.lease)) {
      if (isOld) return "authRevisionOld";
      const interval = intervalOf(key, EMPTY);
      if (!mayAccess(holder, access.right, interval)) return "permissionDenied";
    }
  }
  return holder === null ? "permissionDenied" : null;
}

const mayAccess = (
  holder: Holder | null,
  right: Access["right"],
  interval: Parameters<typeof covers>[1],
): boolean => holder !== null && (holder.isRoot || covers(holder.rights[right], interval));
