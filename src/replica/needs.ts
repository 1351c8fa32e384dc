// Owns what each request of a client needs of whoever asks, while auth is on: the one list of it.
// Requests that become commands are checked again when applied, see `apply/command-need.ts`.
//
//   auth rows of etcd 3.7: a token for anything but to get one and to ask whether auth is on; the role
//   root for what is about the cluster, its members and other users; rights to keys for the rest.

import {
  KNOWN,
  needOfAccesses,
  needOfDeleteRange,
  needOfPut,
  needOfRange,
  needOfTxn,
  NOTHING,
  ROOT,
  type Need,
} from "../auth/need.ts";
import type { ClientRequest } from "../api/replica.ts";
import type { AuthRequest } from "../base/auth.ts";

export function needOf(request: ClientRequest): Need {
  switch (request.kind) {
    case "range":
      return needOfRange(request.request);
    case "put":
      return needOfPut(request.request);
    case "deleteRange":
      return needOfDeleteRange(request.request);
    case "txn":
      return needOfTxn(request.request);
    case "leaseRevoke":
    case "leaseKeepAlive":
      return needOfAccesses({ right: "write", lease: request.id });
    case "leaseTimeToLive":
      return request.keys ? needOfAccesses({ right: "read", lease: request.id }) : KNOWN;
    case "leaseLeases":
      return needOfAccesses({ right: "read", lease: null });
    case "leaseGrant":
    case "memberList":
    case "limits":
    case "status":
      return KNOWN;
    case "alarm":
      return request.action === "get" ? KNOWN : ROOT;
    case "compact":
    case "memberAdd":
    case "memberRemove":
    case "memberUpdate":
    case "memberPromote":
    case "memberChange":
    case "capVersion":
    case "moveLeader":
    case "hash":
    case "hashKv":
    case "defragment":
    case "downgrade":
    case "setLimits":
    case "snapshot":
      return ROOT;
    case "auth":
      return needOfAuth(request.request);
    default:
      return request satisfies never;
  }
}

function needOfAuth(request: AuthRequest): Need {
  switch (request.op) {
    // Whoever asks for a token has none yet.
    case "passwordOf":
    case "issueToken":
    case "status":
      return NOTHING;
    case "userGet":
      return { kind: "user", name: request.name };
    case "roleGet":
      return { kind: "role", name: request.name };
    default:
      return ROOT;
  }
}
