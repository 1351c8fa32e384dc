// Owns the steps of disaster recovery, and of deletion, that ask or tell replicas: whether a majority
// is alive, and that a cluster has ended. Genesis decides; see `genesis.ts`.

import { encodeDirectory } from "../api/directory.ts";
import { rangeOfKey } from "../api/kv-json.ts";
import type { ClientRequest, Directory, Place, ReplicaRpc } from "../api/replica.ts";
import { RETIRE_PAUSE_MS_MAX, RETIRE_PAUSE_MS_MIN } from "../base/limits.ts";
import { NO_REQUEST } from "../apply/command.ts";
import { replicaName } from "./certificate.ts";
import type { Environment } from "./environment.ts";
import { tellReplica, type ReplicaNotice } from "./notices.ts";
import { pause, withinTime } from "./pause.ts";
import { replicaStub } from "./stubs.ts";

/** How long a majority has to show that it is alive: some elections. */
const ALIVE_MS_MAX = 3_000;

/** Between two questions to replicas that know no leader. */
const ALIVE_PAUSE_MS = 200;

/** A read that only a leader with a majority answers. Which key it asks for does not matter. */
const LINEARIZABLE_READ: ClientRequest = {
  kind: "range",
  request: rangeOfKey(new Uint8Array(1)),
  serializable: false,
};

/** A replica of a cluster that has ended. */
export interface Retired extends Place {
  /** Its cluster was deleted: nothing of it is to be left. Absent: its rows may be. */
  readonly mustErase?: boolean;
}

/** What is still to be told after a recovery or a deletion. */
export interface Retirement {
  /** Replicas that have not acknowledged that their cluster has ended. */
  readonly members: readonly Retired[];
  /** The first replica of the new cluster, until it is born. */
  readonly founder: Place | null;
  readonly rounds: number;
}

export interface RecoveryContext {
  readonly environment: Environment;
  readonly cluster: string;
}

/**
 * Whether one of `members` answers a linearizable read, for which it takes a majority. That a replica
 * calls itself leader says nothing: one that sleeps does so for minutes after it was cut off.
 */
export async function isMajorityAlive(
  { environment, cluster }: RecoveryContext,
  members: readonly Place[],
): Promise<boolean> {
  const until = Date.now() + ALIVE_MS_MAX;
  for (;;) {
    const timeoutMs = until - Date.now();
    if (timeoutMs <= 0) return false;
    const call = { request: LINEARIZABLE_READ, requestId: NO_REQUEST, trace: "", timeoutMs };
    const questions = members.map(async (member) => {
      const replica: ReplicaRpc = replicaStub(environment, cluster, member);
      const answer = await withinTime(timeoutMs, replica.serve(call));
      if (answer?.kind !== "answered") throw new Error("this one shows nothing");
    });
    const shown = await Promise.any(questions).then(
      () => true,
      () => false,
    );
    if (shown) return true;
    await pause(ALIVE_PAUSE_MS);
  }
}

/** Who has heard in one round of telling: what is still to be told may have grown meanwhile. */
export type Heard = (place: Retired) => boolean;

/**
 * One round of telling the replicas of clusters that have ended that they are retired, in favour of
 * those in `directory`, or that they are to be emptied; and the founder of the new cluster that it is
 * born. Null for `directory` says that no cluster has taken their place.
 */
export async function retireOnce(
  { environment, cluster }: RecoveryContext,
  directory: Directory | null,
  { founder, members }: Retirement,
): Promise<Heard> {
  const successors = directory === null ? "" : encodeDirectory(directory);
  const heard = new Set<string>();
  // Whoever has heard that it is retired may have to hear by now that it is to be emptied.
  const keyOf = (place: Retired): string => `${replicaName(cluster, place)}${place.mustErase}`;
  const tell = async (place: Retired, notice: ReplicaNotice, body = ""): Promise<void> => {
    const isHeard = await tellReplica(environment, { cluster, place }, notice, body);
    if (isHeard) heard.add(keyOf(place));
  };
  await Promise.all([
    ...(founder === null ? [] : [tell(founder, "born")]),
    ...members.map((member) =>
      member.mustErase === true ? tell(member, "erase") : tell(member, "retire", successors),
    ),
  ]);
  return (place) => heard.has(keyOf(place));
}

/** What is left to tell; null when everything is told. */
export function leftToTell(
  { members, founder, rounds }: Retirement,
  isHeard: Heard,
): Retirement | null {
  const left = members.filter((member) => !isHeard(member));
  const unborn = founder === null || isHeard(founder) ? null : founder;
  if (left.length === 0 && unborn === null) return null;
  return { members: left, founder: unborn, rounds: rounds + 1 };
}

/** How long to wait before the next round: a region may be away for days. */
export const retirePauseMs = ({ rounds }: { readonly rounds: number }): number =>
  Math.min(RETIRE_PAUSE_MS_MIN * 2 ** rounds, RETIRE_PAUSE_MS_MAX);
