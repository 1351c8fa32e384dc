// Owns what each command needs of whoever asked for it, to be checked when its entry is applied: a
// permission that was taken away by an entry before it is gone.

import {
  KNOWN,
  needOfAccesses,
  needOfDeleteRange,
  needOfPut,
  needOfTxn,
  NOTHING,
  ROOT,
  type Need,
} from "../auth/need.ts";
import type { Command } from "./command.ts";

export function needOfCommand(command: Command): Need {
  switch (command.kind) {
    case "put":
      return needOfPut(command.request);
    case "deleteRange":
      return needOfDeleteRange(command.request);
    case "txn":
      return needOfTxn(command.request);
    case "leaseGrant":
      return KNOWN;
    case "leaseRevoke":
      return needOfAccesses({ right: "write", lease: command.id });
    case "compact":
    case "version":
    case "alarm":
    case "limits":
      return ROOT;
    case "auth":
      return command.request.op === "issueToken" ? NOTHING : ROOT;
    // Raft counts by every change that commits: these are checked before they are proposed.
    case "membership":
      return NOTHING;
    // The leader's own.
    case "leaseExtend":
    case "leaseExpire":
      return NOTHING;
    default:
      return command satisfies never;
  }
}
