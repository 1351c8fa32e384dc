// Owns what is looked at to say whether a cluster is well: one question to it each.

import { refusalError } from "../api/error.ts";
import { rangeOfKey } from "../api/kv-json.ts";
import type { ClientRequest, ReplicaStatus } from "../api/replica.ts";
import { encodeUtf8 } from "../base/bytes.ts";
import { isForLackOfRights } from "./administration.ts";
import { failureError } from "./response.ts";
import type { Served } from "./router.ts";

/** The key whose reading tells health, as etcdctl's `endpoint health` does; it need not exist. */
export const HEALTH_KEY = encodeUtf8("health");

/** How the cluster that is looked at is asked. */
export interface Patient {
  /** One request, as of a client who needs no rights. */
  readonly ask: (request: ClientRequest) => Promise<Served>;
  /** What one says of itself that is as wanted; if none is, the last that could be reached. */
  readonly status: (isWanted: (status: ReplicaStatus) => boolean) => Promise<ReplicaStatus | null>;
}

/** Why the cluster is not well, or null when it is, as far as one check goes. */
type Check = (patient: Patient) => Promise<string | null>;

/** A read that is served; one that is refused because nobody in particular asks was served too. */
const reading =
  (serializable: boolean): Check =>
  async ({ ask }) => {
    const range = { ...rangeOfKey(HEALTH_KEY), countOnly: true };
    const request: ClientRequest = { kind: "range", request: range, serializable };
    const served = await ask(request);
    if (served.kind === "failed") return failureError(served.failure, request).message;
    const isFine = served.kind === "answered" || isForLackOfRights(served.refusal);
    return isFine ? null : refusalError(served.refusal).message;
  };

/** Learners serve few requests; a cluster is more than them. */
const nonLearner: Check = async ({ status }) => {
  const told = await status(({ role }) => role !== "learner");
  return told?.role === "learner" ? "not supported for learner" : null;
};

/** Alarms are the cluster's: one replica that knows of it is enough. */
const noCorruption: Check = async ({ status }) => {
  const told = await status(() => true);
  const isCorrupt = told?.alarms.some(({ alarm }) => alarm === "corrupt") === true;
  return isCorrupt ? "alarm activated: CORRUPT" : null;
};

/** By etcd's names. */
const CHECKS = {
  data_corruption: noCorruption,
  serializable_read: reading(true),
  linearizable_read: reading(false),
  non_learner: nonLearner,
} as const satisfies Readonly<Record<string, Check>>;

type CheckName = keyof typeof CHECKS;

/** What keeps a cluster alive, and what it takes to be ready, by the path that tells: etcd's lists. */
export const CHECK_LISTS: Readonly<Record<"/livez" | "/readyz", readonly CheckName[]>> = {
  "/livez": ["serializable_read"],
  "/readyz": ["data_corruption", "serializable_read", "linearizable_read", "non_learner"],
};

export interface Finding {
  readonly name: CheckName;
  /** Null when all is well. */
  readonly fault: string | null;
}

/** Reads come first, at once: afterwards it is known who leads, and one that is awake tells the rest. */
export async function examine(names: readonly CheckName[], patient: Patient): Promise<Finding[]> {
  const faults = new Map<CheckName, string | null>();
  const isRead = (name: CheckName): boolean => name.endsWith("_read");
  for (const some of [names.filter(isRead), names.filter((name) => !isRead(name))]) {
    await Promise.all(some.map(async (name) => faults.set(name, await CHECKS[name](patient))));
  }
  return names.map((name) => ({ name, fault: faults.get(name) ?? null }));
}
