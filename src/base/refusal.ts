// Owns the names of the refusals that a caller can expect. Their etcd message, gRPC code and HTTP
// status stand in one table, `api/error.ts`; the layers below know only the name.

/**
 * Why a request was refused. A refused request has changed nothing. The order is the wire order
 * (see `kv-codec.ts`): append, never reorder.
 */
export const REFUSALS = [
  "keyNotProvided",
  "keyNotFound",
  "valueProvided",
  "leaseProvided",
  "tooManyOps",
  "duplicateKey",
  "invalidSortOption",
  "compacted",
  "futureRevision",
  "leaseNotFound",
  "leaseExists",
  "leaseTtlTooLarge",
  "requestTooLarge",
  "noSpace",
  "tooManyRequests",
  "tooManyKeys",
  "answerForgotten",
  "idempotencyMismatch",
  "answerTooLarge",
  "memberNotFound",
  "memberExists",
  "regionUnchangeable",
  "notEnoughStarted",
  "unhealthy",
  "notLearner",
  "learnerNotReady",
  "tooManyLearners",
  "changeUnderWay",
  "lastVoter",
  "badTransferee",
  "authFailed",
  "authNotEnabled",
  "authRevisionOld",
  "permissionDenied",
  "userNameEmpty",
  "invalidAuthToken",
  "roleNameEmpty",
  "invalidAuthManagement",
  "permissionNotGranted",
  "roleExists",
  "roleNotFound",
  "roleNotGranted",
  "rootRoleMissing",
  "rootUserMissing",
  "userExists",
  "userNotFound",
  "stateNeedsVersion",
  "corrupt",
] as const;

export type Refusal = (typeof REFUSALS)[number];
