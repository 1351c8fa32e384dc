// Owns the doctor's first questions: whether somebody answers, which replicas are there, who leads.

import type { Deployment } from "./deployment.ts";
import type { Finding, Patient } from "./doctor.ts";
import { nameOf } from "./status.ts";
import type { SurveyedReplica } from "./survey.ts";

/** Above it, requests are slow for people, too. */
const FAR_MS = 500;
const PROBES = 3;
const LOOPBACK = /^(?:(?:.+\.)?localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/** Whether it answers here, and lets us in. @throws CommandError when not. */
export async function doorFindings(deployment: Deployment): Promise<Finding[]> {
  const { url } = deployment.connection;
  let bestMs = Number.POSITIVE_INFINITY;
  for (let probe = 0; probe < PROBES; probe++) {
    const startedAt = performance.now();
    await deployment.json(deployment.inCluster("/version"));
    bestMs = Math.min(bestMs, performance.now() - startedAt);
  }
  const answers = `${url} answers in ${Math.round(bestMs)} ms`;
  const door: Finding =
    bestMs > FAR_MS
      ? { check: "door", level: "warn", message: answers, advice: "Is the network slow from here?" }
      : { check: "door", level: "ok", message: answers };
  const { protocol, hostname } = new URL(url);
  if (protocol === "https:" || LOOPBACK.test(hostname)) return [door];
  const message = "the connection is not encrypted: tokens can be read on the way";
  return [door, { check: "door", level: "warn", message, advice: "Use an https:// endpoint." }];
}

/** Who is there, who is not, and whether they can do without one. */
export async function replicaFindings({ survey }: Patient): Promise<Finding[]> {
  const { replicas, unreachable } = survey;
  const all = replicas.length + unreachable.length;
  const check = "replicas";
  const findings: Finding[] = unreachable.map((place) => ({
    check,
    level: replicas.length > all / 2 ? "warn" : "fail",
    message: `${nameOf(place)} does not answer`,
    advice:
      replicas.length > all / 2
        ? `If it stays away, replace it: edgekeeper member move, first without ${place.region}, then with it.`
        : "A majority is lost: docs/operations.md, Loss of a majority. Wait for it as long as you can.",
  }));
  const names = replicas.map((replica) => nameOf(replica)).join(", ");
  findings.unshift({
    check,
    level: "ok",
    message: `${replicas.length} of ${all} answer: ${names}`,
  });
  return [...findings, ...numberFindings(replicas, all), ...versionFindings(replicas)];
}

function numberFindings(replicas: readonly SurveyedReplica[], all: number): Finding[] {
  const check = "replicas";
  const learners = replicas.filter(({ role }) => role === "learner");
  const voters = all - learners.length;
  const findings: Finding[] = learners.map((learner) => ({
    check,
    level: "warn",
    message: `${nameOf(learner)} has no vote`,
    advice: `When it has caught up: edgekeeper member promote ${learner.region}`,
  }));
  if (voters >= 3 && voters % 2 === 1) return findings;
  const message =
    voters === 1
      ? "one voter alone: nothing survives its loss"
      : `${voters} voters survive no more than ${voters - 1} would`;
  const advice = "Let it live in three or five regions: edgekeeper member move a,b,c";
  return [...findings, { check, level: "warn", message, advice }];
}

function versionFindings(replicas: readonly SurveyedReplica[]): Finding[] {
  const versions = new Set(replicas.map(({ version }) => version));
  if (versions.size < 2) return [];
  const message = `the replicas have the cluster at versions ${[...versions].join(", ")}`;
  return [
    { check: "version", level: "warn", message, advice: "It passes when a deployment is over." },
  ];
}

/** Whether somebody leads, which only a linearizable answer shows, and who says so. */
export async function leaderFindings({ survey, health }: Patient): Promise<Finding[]> {
  const check = "leader";
  const claims = survey.replicas
    .filter(({ role }) => role === "leader")
    .toSorted((a, b) => b.term - a.term);
  const candidates = survey.replicas.filter(({ role }) => role === "candidate");
  const findings: Finding[] = candidates.map((replica) => ({
    check,
    level: "warn",
    message: `${nameOf(replica)} looks for a leader and finds none`,
    advice: "It is cut off from the others, or an election is under way: look again.",
  }));
  for (const stale of claims.slice(1)) {
    const message = `${nameOf(stale)} still calls itself leader, of term ${stale.term}`;
    const advice = "It is cut off from the others, and nobody believes it.";
    findings.push({ check, level: "warn", message, advice });
  }
  if (!health.isHealthy) {
    const message = `the cluster does not serve: ${health.reason}`;
    const advice = /ALARM/.test(health.reason)
      ? "docs/operations.md tells what each alarm wants."
      : "Wait for the replicas that are away; if they will not come back: docs/operations.md, Loss of a majority.";
    return [{ check, level: "fail", message, advice }, ...findings];
  }
  const [leader] = claims;
  const message =
    leader === undefined ? "somebody leads" : `${nameOf(leader)} leads, in term ${leader.term}`;
  return [{ check, level: "ok", message }, ...findings];
}
