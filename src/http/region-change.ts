// Owns carrying out a change of a cluster's regions: it lists the members, takes the next step of
// `region-plan.ts`, and again, until nothing is left to do or its time is over. It keeps nothing: a
// change that was cut off goes on when it is asked for again.

import { GATEWAY_ERRORS, refusalError } from "../api/error.ts";
import type { ClientRequest } from "../api/replica.ts";
import { assert } from "../base/assert.ts";
import type { MemberStatus } from "../base/membership.ts";
import type { Refusal } from "../base/refusal.ts";
import type { ClusterId } from "../base/types.ts";
import type { Platform } from "./platform.ts";
import { nextStep, type RegionStep } from "./region-plan.ts";
import { failureError, RequestError } from "./response.ts";
import type { Router, RouterRequest, Served } from "./router.ts";

/** Clients and proxies wait about so long; a large store takes longer to copy, in several calls. */
const REGION_CHANGE_MS = 60_000;
/** Between two looks at a learner that is catching up. */
const LOOK_AGAIN_MS = 500;

/** Refusals of a moment: the learner is behind, or the members are not as they were when listed. */
const PASSING: ReadonlySet<Refusal> = new Set<Refusal>([
  "learnerNotReady",
  "notEnoughStarted",
  "unhealthy",
  "changeUnderWay",
  "tooManyLearners",
  "memberExists",
  "memberNotFound",
  "notLearner",
  "tooManyRequests",
]);

type Answered = Extract<Served, { kind: "answered" }>;

export interface RegionMembers {
  readonly clusterId: ClusterId;
  readonly members: readonly MemberStatus[];
}

/**
 * Makes the cluster live in exactly the regions `wanted` (at least one, no two alike), and returns
 * its members then. Nothing is done when they are there already.
 *
 * @throws RequestError when it is not done in time (asking again goes on), and for an unknown cluster.
 */
export async function changeRegions(
  services: Platform & { readonly router: Pick<Router, "serve"> },
  order: Omit<RouterRequest, "request" | "requestId"> & { readonly wanted: readonly string[] },
): Promise<RegionMembers> {
  const { clock, sleep, random, router } = services;
  const { wanted, ...errand } = order;
  const deadline = clock() + REGION_CHANGE_MS;
  const ask = (request: ClientRequest): Promise<Served> =>
    router.serve({ ...errand, request, requestId: random(16) });
  while (clock() < deadline) {
    const listed = membersIn(await ask(LIST_MEMBERS));
    if (listed !== null) {
      const step = nextStep(listed.members, wanted);
      if (step.kind === "done") return listed;
      if (isDone(await ask(requestOf(step)))) continue;
    }
    await sleep(Math.min(LOOK_AGAIN_MS, Math.max(0, deadline - clock())));
  }
  throw new RequestError(GATEWAY_ERRORS.regionsUnfinished);
}

/** As the leader has them: who asks is about to change something, or has just done so. */
export const LIST_MEMBERS: ClientRequest = { kind: "memberList", linearizable: true };

function requestOf(step: Exclude<RegionStep, { kind: "done" }>): ClientRequest {
  return step.kind === "add"
    ? { kind: "memberAdd", region: step.region, isLearner: true, member: null }
    : { kind: "memberChange", change: step.change };
}

/** The members that were listed; null when the cluster does not answer at the moment. */
function membersIn(served: Served): RegionMembers | null {
  return isDone(served) ? membersOf(served) : null;
}

/** What LIST_MEMBERS was answered with. */
export function membersOf({ header, answer }: Pick<Answered, "header" | "answer">): RegionMembers {
  assert(answer.kind === "members", "a list of members is answered with members");
  return { clusterId: header.clusterId, members: answer.answer.members };
}

/** False for what may go better in a moment. @throws RequestError for what will not. */
function isDone(served: Served): served is Answered {
  switch (served.kind) {
    case "answered":
      return true;
    case "refused":
      if (PASSING.has(served.refusal)) return false;
      throw new RequestError(refusalError(served.refusal));
    case "failed":
      // Without an outcome the next list tells whether it happened.
      if (served.failure !== "unknownCluster") return false;
      throw new RequestError(failureError(served.failure, LIST_MEMBERS));
    default:
      return served satisfies never;
  }
}
