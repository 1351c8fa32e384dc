// Owns the doctor's questions about places and times: round trips between regions, where replicas
// really run, and clocks.

import { setTimeout as sleep } from "node:timers/promises";
import { GRPC } from "../api/grpc-code.ts";
import { encodeBase64 } from "../api/base64.ts";
import { RefusedError, type Deployment } from "./deployment.ts";
import type { Finding, Patient } from "./doctor.ts";
import { callsSince, peerCallsIn, type PeerCalls } from "./peer-metrics.ts";
import { nameOf } from "./status.ts";
import type { SurveyedReplica } from "./survey.ts";

/** Each asks the leader, and the leader all the others. */
const READS = 5;
const READ_KEY = encodeBase64(new TextEncoder().encode("edgekeeper-doctor"));
/** A call between replicas that has no answer after 1.5 s has failed. */
const FAILED_AFTER_MS = 1_800;
/** Elections begin after half a second at the earliest; this is most of it. */
const FAR_MS = 350;

/** What linearizable reads cost between the regions, and which replicas the leader does not reach. */
export async function distanceFindings({ deployment, survey }: Patient): Promise<Finding[]> {
  const others = survey.replicas.filter(({ role }) => role !== "leader");
  if (others.length === 0) return [];
  const before = await peerCalls(deployment);
  for (let read = 0; read < READS; read++) await readOnce(deployment);
  let calls = callsSince(before, await peerCalls(deployment));
  if (others.some(({ region }) => !isReached(region, calls))) {
    // A far one may still be answering, and one that is cut off has not failed yet.
    await sleep(FAILED_AFTER_MS);
    await readOnce(deployment);
    calls = callsSince(before, await peerCalls(deployment));
  }
  return [...tripFindings(calls), ...silenceFindings(others, calls)];
}

const isReached = (region: string, calls: readonly PeerCalls[]): boolean =>
  calls.some(({ from, to, answered }) => answered > 0 && (from === region || to === region));

function tripFindings(calls: readonly PeerCalls[]): Finding[] {
  const heard = calls.filter(({ answered }) => answered > 0);
  if (heard.length === 0) return [];
  const trips = heard.map(({ from, to, seconds, answered }) => ({
    name: `${from}-${to}`,
    ms: (seconds / answered) * 1_000,
  }));
  const message = trips
    .map(({ name, ms }) => `${name} ${ms.toFixed(ms < 10 ? 1 : 0)} ms`)
    .join(", ");
  if (trips.every(({ ms }) => ms < FAR_MS)) return [{ check: "round trips", level: "ok", message }];
  const advice = "Elections take long at such distances: choose regions nearer to each other.";
  return [{ check: "round trips", level: "warn", message, advice }];
}

const silenceFindings = (
  others: readonly SurveyedReplica[],
  calls: readonly PeerCalls[],
): Finding[] =>
  others
    .filter(({ region }) => !isReached(region, calls))
    .map((replica) => ({
      check: "round trips",
      level: "warn",
      message: `the leader does not reach ${nameOf(replica)}`,
      advice: `If it stays cut off, replace it: edgekeeper member move, first without ${replica.region}, then with it.`,
    }));

/** A user who may not read the key has been answered by the leader all the same. */
async function readOnce(deployment: Deployment): Promise<void> {
  try {
    await deployment.json(deployment.inCluster("/v3/kv/range"), { json: { key: READ_KEY } });
  } catch (error) {
    if (!(error instanceof RefusedError && error.code === GRPC.permissionDenied)) throw error;
  }
}

const peerCalls = async (deployment: Deployment): Promise<PeerCalls[]> => {
  const response = await deployment.open(deployment.inCluster("/metrics"));
  return peerCallsIn(await response.text());
};

/** Where the platform has put them: regions are wishes. */
export async function locationFindings({ survey, isDevelopment }: Patient): Promise<Finding[]> {
  const check = "locations";
  if (isDevelopment) return [{ check, level: "ok", message: "all on this machine (development)" }];
  const { replicas } = survey;
  const places = replicas.map((replica) => `${nameOf(replica)} in ${replica.location ?? "?"}`);
  const message = places.join(", ");
  const known = replicas.flatMap(({ location }) => location ?? []);
  if (known.length < replicas.length) {
    const advice = "The platform did not say where all of them are: ask again.";
    return [{ check, level: "warn", message, advice }];
  }
  if (new Set(known).size === known.length) return [{ check, level: "ok", message }];
  const advice = "Replicas in one data center are lost together: choose regions farther apart.";
  return [{ check, level: "warn", message, advice }];
}

/** More than the platform's clocks should differ, and less than anything here depends on. */
const SKEW_MS = 1_000;
/** This machine's clock against theirs: certificates and tokens begin to suffer. */
const OWN_SKEW_MS = 30_000;

export async function clockFindings({ survey }: Patient): Promise<Finding[]> {
  const check = "clocks";
  const clocks = survey.replicas.flatMap(({ clock_ms: clock }) => clock ?? []);
  if (clocks.length === 0) return [];
  const trips = survey.replicas.map(({ round_trip_ms: trip }) => trip ?? 0);
  const apart = Math.max(0, Math.max(...clocks) - Math.min(...clocks) - Math.max(...trips));
  const own = Date.now() - Math.max(...clocks);
  if (apart > SKEW_MS) {
    const message = `the replicas' clocks are ${Math.round(apart)} ms apart`;
    const advice = "Leases do not depend on it; keep EDGEKEEPER_LEASE_READS off.";
    return [{ check, level: "warn", message, advice }];
  }
  if (Math.abs(own) > OWN_SKEW_MS) {
    const message = `this machine's clock is ${Math.round(Math.abs(own) / 1_000)} s ${own > 0 ? "fast" : "slow"}`;
    return [{ check, level: "warn", message, advice: "Set it by a time server." }];
  }
  return [
    { check, level: "ok", message: "the replicas and this machine agree within a second or so" },
  ];
}
