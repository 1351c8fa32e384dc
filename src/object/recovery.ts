// Owns the steps of disaster recovery that ask or tell replicas: whether a majority is alive, and
// that a lost cluster has ended. Genesis decides; see `genesis.ts`.

import { encodeDirectory } from "../api/directory.ts";
import { rangeOfKey } from "../api/kv-json.ts";
import type { ClientRequest, Directory, Member, ReplicaRpc } from "../api/replica.ts";
import { RETIRE_PAUSE_MS_MAX, RETIRE_PAUSE_MS_MIN } from "../base/limits.ts";
import { NO_REQUEST } from "../apply/command.ts";
import { replicaName, type Place } from "./certificate.ts";
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

/** What is still to be told after a recovery. */
export interface Retirement {
  /** Replicas of the lost cluster that have not acknowledged that it has ended. */
  readonly members: readonly Place[];
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
  members: readonly Member[],
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
export type Heard = (place: Place) => boolean;

/**
 * One round of telling the replicas of the lost cluster that they are retired, in favour of those in
 * `directory`, and the founder of the new one that it is born.
 */
export async function retireOnce(
  { environment, cluster }: RecoveryContext,
  directory: Directory,
  { founder, members }: Retirement,
): Promise<Heard> {
  const body = encodeDirectory(directory);
  const heard = new Set<string>();
  const tell = async (member: Place, notice: ReplicaNotice): Promise<void> => {
    const isHeard = await tellReplica(environment, { cluster, member }, notice, body);
    if (isHeard) heard.add(replicaName(cluster, member));
  };
  await Promise.all([
    ...(founder === null ? [] : [tell(founder, "born")]),
    ...members.map((member) => tell(member, "retire")),
  ]);
  return (place) => heard.has(replicaName(cluster, place));
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
export const retirePauseMs = ({ rounds }: Retirement): number =>
  Math.min(RETIRE_PAUSE_MS_MIN * 2 ** rounds, RETIRE_PAUSE_MS_MAX);
