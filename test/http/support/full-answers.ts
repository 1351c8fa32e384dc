// Owns a leader that says as much as it can: every field of every answer is filled in. Its store is a
// real one; all else is played.

import type { ClientAnswer, ClientRequest } from "../../../src/api/replica.ts";
import type { AuthAnswer, AuthRequest, PermissionType } from "../../../src/base/auth.ts";
import { encodeUtf8 } from "../../../src/base/bytes.ts";
import { DEFAULT_LIMITS } from "../../../src/base/cluster-limits.ts";
import {
  asLeaseId,
  asLogIndex,
  asMemberId,
  asRevision,
  asTerm,
  type LeaseId,
} from "../../../src/base/types.ts";
import { memberId, type Behaviour } from "./fake-network.ts";
import { RecipeWorld } from "./recipe-world.ts";

/** Leads in wnam, and has granted lease 77. A user's password is what `passwordHash` is the hash of. */
export function answersInFull(passwordHash: string | null): Behaviour {
  const world = new RecipeWorld();
  world.grant(asLeaseId(77n));
  return ({ request }) => {
    const played = playedAnswer(request, passwordHash);
    const result = played === null ? world.perform(request) : { ok: true as const, value: played };
    const header = world.header();
    return result.ok
      ? { kind: "answered", header, answer: result.value }
      : { kind: "refused", header, refusal: result.error };
  };
}

/** Null: the store knows. */
function playedAnswer(request: ClientRequest, passwordHash: string | null): ClientAnswer | null {
  switch (request.kind) {
    case "auth":
      return { kind: "auth", answer: authAnswer(request.request, passwordHash) };
    case "compact":
    case "leaseRevoke":
    case "capVersion":
    case "moveLeader":
    case "defragment":
    case "downgrade":
      return { kind: request.kind };
    case "leaseKeepAlive":
    case "leaseTimeToLive":
    case "leaseLeases":
      return leaseAnswer(request.kind, asLeaseId(77n));
    case "hash":
      return { kind: "hash", hash: 4_250_455_390 };
    case "hashKv": {
      const answer = { hash: 5, compactRevision: asRevision(-1), hashRevision: asRevision(6) };
      return { kind: "hashKv", answer };
    }
    case "alarm":
      return { kind: "alarm", alarms: ALARMS };
    case "status":
      return { kind: "status", answer: STATUS };
    case "limits":
      return { kind: "limits", limits: DEFAULT_LIMITS };
    case "setLimits":
      return { kind: "limits", limits: request.limits };
    case "memberList":
    case "memberAdd":
    case "memberRemove":
    case "memberUpdate":
    case "memberPromote":
    case "memberChange":
      return MEMBERS;
    default:
      return null;
  }
}

const ALARMS = (["noSpace", "corrupt"] as const).map((alarm) => ({
  member: asMemberId(7n),
  alarm,
}));

const STATUS = {
  leader: null,
  term: asTerm(1),
  commit: asLogIndex(3),
  applied: asLogIndex(2),
  isLearner: true,
  alarms: ALARMS,
  sizeBytes: 8_192,
  inUseBytes: 4_096,
  quotaBytes: 100,
};

const MEMBER = {
  id: memberId("wnam"),
  region: "wnam",
  generation: 1,
  isLearner: false,
  isStarted: true,
};
const LEARNER = {
  id: memberId("weur"),
  region: "weur",
  generation: 1,
  isLearner: true,
  isStarted: false,
};
const MEMBERS: ClientAnswer = {
  kind: "members",
  answer: { members: [MEMBER, LEARNER], added: LEARNER },
};

function leaseAnswer(
  kind: "leaseKeepAlive" | "leaseTimeToLive" | "leaseLeases",
  id: LeaseId,
): ClientAnswer {
  if (kind === "leaseLeases") return { kind, answer: { leases: [id] } };
  if (kind === "leaseKeepAlive") return { kind, answer: { id, ttlSeconds: 60 } };
  const keys = [encodeUtf8("k")];
  return { kind, answer: { id, ttlSeconds: 59, grantedTtlSeconds: 60, keys } };
}

function authAnswer({ op }: AuthRequest, passwordHash: string | null): AuthAnswer {
  switch (op) {
    case "status":
      return { op, enabled: true, authRevision: 3 };
    case "userGet":
      return { op: "user", roles: ["reader"] };
    case "userList":
      return { op: "users", users: ["ann"] };
    case "roleList":
      return { op: "roles", roles: ["reader"] };
    case "roleGet":
      return { op: "role", permissions: PERMISSION_TYPES.map((type) => ({ type, ...INTERVAL })) };
    case "passwordOf":
      return { op: "password", passwordHash, authRevision: 3 };
    case "issueToken":
      return { op: "token", token: "abcdefghijklmnop.9" };
    default:
      return { op: "done" };
  }
}

const PERMISSION_TYPES: readonly PermissionType[] = ["read", "write", "readwrite"];
const INTERVAL = { key: encodeUtf8("a"), rangeEnd: encodeUtf8("b") };
