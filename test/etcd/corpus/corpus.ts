// Owns the list of topics.

import type { Topic } from "../sequence.ts";
import { auth } from "./auth.ts";
import { compaction } from "./compaction.ts";
import { gateway, gatewayDeadlines, gatewaySockets, probes } from "./gateway.ts";
import { kvDelete } from "./kv-delete.ts";
import { kvNested } from "./kv-nested.ts";
import { kvPut } from "./kv-put.ts";
import { kvRange } from "./kv-range.ts";
import { kvTxn } from "./kv-txn.ts";
import { lease } from "./lease.ts";
import { leaseTime } from "./lease-time.ts";
import { elections, locks } from "./lock.ts";
import { maintenance, snapshot } from "./maintenance.ts";
import { malformed } from "./malformed.ts";
import { membership } from "./members.ts";
import { permissions } from "./permissions.ts";
import { watching } from "./watch.ts";
import { watchSocket } from "./watch-socket.ts";

export const CORPUS: readonly Topic[] = [
  kvPut,
  kvRange,
  kvDelete,
  kvTxn,
  kvNested,
  compaction,
  lease,
  leaseTime,
  watching,
  watchSocket,
  membership,
  maintenance,
  snapshot,
  malformed,
  gateway,
  gatewayDeadlines,
  gatewaySockets,
  probes,
  auth,
  permissions,
  locks,
  elections,
];
