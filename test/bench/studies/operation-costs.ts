// Owns what one operation costs where costs are billed: rows on each replica, calls to each follower.

import { setTimeout as sleep } from "node:timers/promises";
import { rangeOfKey } from "../../../src/api/kv-json.ts";
import type { SessionRequest } from "../../../src/api/session-call.ts";
import { encodeUtf8, EMPTY } from "../../../src/base/bytes.ts";
import { asLeaseId } from "../../../src/base/types.ts";
import { Session } from "../../../src/client/session.ts";
import { put } from "../../support/requests.ts";
import { SOCKET_PLATFORM } from "../doors/socket-platform.ts";
import { startEdgekeeper } from "../systems/edgekeeper.ts";
import { keyOf, VALUE_BYTES } from "../workloads.ts";
import { readCounters, since, untilAsleep } from "./counters.ts";
import { folderFor, withSystem, type StudyContext } from "./study.ts";

/** Of one operation, on the replica and to the follower that has most. */
export interface OperationCost {
  readonly what: string;
  readonly atOnce: number;
  readonly rows: number;
  readonly calls: number;
}

interface Case {
  readonly what: string;
  /** How many are asked in one turn, and so are one batch. */
  readonly atOnce: number;
  /** The numbers given are different in each batch, and the same in each case. */
  readonly request: (number: number) => SessionRequest;
}

const BATCH = 64;
/** Long enough for a leader to have told its followers of a commit, where somebody waits for that. */
const LONE_PAUSE_MS = 25;
/** Long enough for a heartbeat to have told them of it, so that they write nothing of it afterwards. */
const HEARTBEAT_PAUSE_MS = 250;
const VALUE = new Uint8Array(VALUE_BYTES).fill(0x61);

const keyBytes = (number: number): Uint8Array<ArrayBuffer> => encodeUtf8(keyOf(number));
const putOf = (number: number): SessionRequest => put(keyBytes(number), VALUE);
const deletionOf = (number: number): SessionRequest => ({
  kind: "deleteRange",
  request: { key: keyBytes(number), rangeEnd: EMPTY, prevKv: false },
});
const leaseOf = (number: number) => asLeaseId(BigInt(number + 1));

/** In this order: each finds what those before it have left. */
const CASES: readonly Case[] = [
  { what: "put that creates", atOnce: 1, request: putOf },
  { what: "put that overwrites", atOnce: 1, request: putOf },
  {
    what: "linearizable get",
    atOnce: 1,
    request: (n) => ({ kind: "range", request: rangeOfKey(keyBytes(n)), serializable: false }),
  },
  { what: "delete", atOnce: 1, request: deletionOf },
  { what: "put that creates", atOnce: BATCH, request: putOf },
  { what: "put that overwrites", atOnce: BATCH, request: putOf },
  {
    what: "linearizable get",
    atOnce: BATCH,
    request: (n) => ({ kind: "range", request: rangeOfKey(keyBytes(n)), serializable: false }),
  },
  { what: "delete", atOnce: BATCH, request: deletionOf },
  {
    what: "lease grant",
    atOnce: 1,
    request: (n) => ({ kind: "leaseGrant", id: leaseOf(n), ttlSeconds: 600 }),
  },
  {
    what: "lease keepalive",
    atOnce: 1,
    request: (n) => ({ kind: "leaseKeepAlive", id: leaseOf(n) }),
  },
  { what: "lease revoke", atOnce: 1, request: (n) => ({ kind: "leaseRevoke", id: leaseOf(n) }) },
];

export async function studyOperationCosts(context: StudyContext): Promise<OperationCost[]> {
  const starting = startEdgekeeper({ folder: folderFor(context, "costs") });
  return withSystem(starting, async ({ url }) => {
    const session = new Session({ url, platform: SOCKET_PLATFORM });
    const costs: OperationCost[] = [];
    // The first write makes tables, and entries about the members' code come now: costs of a birth.
    await session.ask(put(encodeUtf8("first"), VALUE));
    await untilAsleep(url);
    for (const one of CASES) {
      costs.push(await costOf(one, { url, session, batches: context.isQuick ? 5 : 40 }));
    }
    session.close();
    return costs;
  });
}

async function costOf(
  { what, atOnce, request }: Case,
  given: { readonly url: string; readonly session: Session; readonly batches: number },
): Promise<OperationCost> {
  const { url, session, batches } = given;
  // One before, so that all are awake and the leader has made sure of its followers.
  await session.ask(put(encodeUtf8("first"), VALUE));
  await sleep(HEARTBEAT_PAUSE_MS);
  const before = await readCounters(url);
  for (let batch = 0; batch < batches; batch++) {
    const numbers = Array.from({ length: atOnce }, (_, index) => batch * atOnce + index);
    await Promise.all(numbers.map((number) => session.ask(request(number))));
    await sleep(LONE_PAUSE_MS);
  }
  const counted = since(before, await readCounters(url));
  const operations = batches * atOnce;
  // Calls are the leader's, in equal parts to both of its followers.
  const calls = Math.max(...counted.map((replica) => replica.calls)) / (counted.length - 1);
  const rows = Math.max(...counted.map((replica) => replica.rows));
  return { what, atOnce, rows: rows / operations, calls: calls / operations };
}
