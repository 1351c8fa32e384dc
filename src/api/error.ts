// Owns the one table of errors that a client can see: their text (etcd's, to the letter, because
// clients match by text), their gRPC code and their HTTP status. It does not decide when to refuse.

import { PASSWORD_COST_MAX } from "../base/auth-limits.ts";
import {
  ANSWER_BYTES_MAX,
  BODY_BYTES_MAX,
  IDEMPOTENCY_KEY_LENGTH_MAX,
  MUTATION_KEYS_MAX,
} from "../base/limits.ts";
import type { Refusal } from "../base/refusal.ts";
import type { ClusterId } from "../base/types.ts";
import { GRPC, type GrpcCode } from "./grpc-code.ts";

/** What a client is told when it gets no answer. */
export interface ApiError {
  readonly code: GrpcCode;
  readonly message: string;
  readonly status: number;
}

/** HTTP status of each code, as etcd's gateway maps them: FailedPrecondition is 400, not 412. */
const STATUS: Record<GrpcCode, number> = {
  2: 500,
  3: 400,
  4: 504,
  5: 404,
  6: 409,
  7: 403,
  8: 429,
  9: 400,
  11: 400,
  12: 501,
  13: 500,
  14: 503,
  15: 500,
  16: 401,
};

const describe = (code: GrpcCode, message: string): ApiError => ({
  code,
  message,
  status: STATUS[code],
});

/** Every refusal of the layers below; texts without `etcdserver:` are our own. */
const REFUSED: Record<Refusal, ApiError> = {
  keyNotProvided: describe(GRPC.invalidArgument, "etcdserver: key is not provided"),
  keyNotFound: describe(GRPC.invalidArgument, "etcdserver: key not found"),
  valueProvided: describe(GRPC.invalidArgument, "etcdserver: value is provided"),
  leaseProvided: describe(GRPC.invalidArgument, "etcdserver: lease is provided"),
  tooManyOps: describe(GRPC.invalidArgument, "etcdserver: too many operations in txn request"),
  duplicateKey: describe(GRPC.invalidArgument, "etcdserver: duplicate key given in txn request"),
  invalidSortOption: describe(GRPC.invalidArgument, "etcdserver: invalid sort option"),
  compacted: describe(GRPC.outOfRange, "etcdserver: mvcc: required revision has been compacted"),
  futureRevision: describe(
    GRPC.outOfRange,
    "etcdserver: mvcc: required revision is a future revision",
  ),
  leaseNotFound: describe(GRPC.notFound, "etcdserver: requested lease not found"),
  leaseExists: describe(GRPC.failedPrecondition, "etcdserver: lease already exists"),
  leaseTtlTooLarge: describe(GRPC.outOfRange, "etcdserver: too large lease TTL"),
  requestTooLarge: describe(GRPC.invalidArgument, "etcdserver: request is too large"),
  noSpace: describe(GRPC.resourceExhausted, "etcdserver: mvcc: database space exceeded"),
  tooManyRequests: describe(GRPC.resourceExhausted, "etcdserver: too many requests"),
  tooManyKeys: describe(
    GRPC.invalidArgument,
    `edgekeeper: one request may delete, and one lease may hold, at most ${MUTATION_KEYS_MAX} keys`,
  ),
  answerForgotten: describe(
    GRPC.alreadyExists,
    "edgekeeper: the request was applied before and its answer was too large to keep",
  ),
  answerTooLarge: describe(
    GRPC.resourceExhausted,
    `edgekeeper: the answer would hold more than ${ANSWER_BYTES_MAX} bytes; ask with a limit, page by page`,
  ),
  memberNotFound: describe(GRPC.notFound, "etcdserver: member not found"),
  memberExists: describe(GRPC.failedPrecondition, "etcdserver: Peer URLs already exists"),
  regionUnchangeable: describe(
    GRPC.invalidArgument,
    "edgekeeper: a member's region is part of its identity; add a member there and remove this one",
  ),
  notEnoughStarted: describe(
    GRPC.failedPrecondition,
    "etcdserver: re-configuration failed due to not enough started members",
  ),
  unhealthy: describe(GRPC.unavailable, "etcdserver: unhealthy cluster"),
  notLearner: describe(GRPC.failedPrecondition, "etcdserver: can only promote a learner member"),
  learnerNotReady: describe(
    GRPC.failedPrecondition,
    "etcdserver: can only promote a learner member which is in sync with leader",
  ),
  tooManyLearners: describe(
    GRPC.failedPrecondition,
    "etcdserver: too many learner members in cluster",
  ),
  changeUnderWay: describe(
    GRPC.unavailable,
    "edgekeeper: another change of the cluster is under way, or not every member can take part yet; ask again",
  ),
  lastVoter: describe(
    GRPC.failedPrecondition,
    "etcdserver: re-configuration failed due to not enough started members",
  ),
  badTransferee: describe(GRPC.failedPrecondition, "etcdserver: bad leader transferee"),
  authFailed: describe(
    GRPC.invalidArgument,
    "etcdserver: authentication failed, invalid user ID or password",
  ),
  authNotEnabled: describe(GRPC.failedPrecondition, "etcdserver: authentication is not enabled"),
  authRevisionOld: describe(GRPC.invalidArgument, "etcdserver: revision of auth store is old"),
  permissionDenied: describe(GRPC.permissionDenied, "etcdserver: permission denied"),
  userNameEmpty: describe(GRPC.invalidArgument, "etcdserver: user name is empty"),
  invalidAuthToken: describe(GRPC.unauthenticated, "etcdserver: invalid auth token"),
  roleNameEmpty: describe(GRPC.invalidArgument, "etcdserver: role name is empty"),
  invalidAuthManagement: describe(GRPC.invalidArgument, "etcdserver: invalid auth management"),
  permissionNotGranted: describe(
    GRPC.failedPrecondition,
    "etcdserver: permission is not granted to the role",
  ),
  roleExists: describe(GRPC.failedPrecondition, "etcdserver: role name already exists"),
  roleNotFound: describe(GRPC.failedPrecondition, "etcdserver: role name not found"),
  roleNotGranted: describe(GRPC.failedPrecondition, "etcdserver: role is not granted to the user"),
  rootRoleMissing: describe(
    GRPC.failedPrecondition,
    "etcdserver: root user does not have root role",
  ),
  rootUserMissing: describe(GRPC.failedPrecondition, "etcdserver: root user does not exist"),
  userExists: describe(GRPC.failedPrecondition, "etcdserver: user name already exists"),
  userNotFound: describe(GRPC.failedPrecondition, "etcdserver: user name not found"),
  stateNeedsVersion: describe(
    GRPC.failedPrecondition,
    "edgekeeper: the cluster holds users, roles or other state that older code would not heed",
  ),
  corrupt: describe(GRPC.dataLoss, "etcdserver: corrupt cluster"),
  /** Nothing has changed: a write that asks to happen once is not made where that cannot be promised. */
  idempotencyUnknown: describe(
    GRPC.unavailable,
    "edgekeeper: not every replica remembers idempotency keys yet; ask again, or without one",
  ),
  idempotencyMismatch: {
    ...describe(
      GRPC.invalidArgument,
      "edgekeeper: the idempotency key was used with another request",
    ),
    status: 422,
  },
};

/** Errors that arise in front of the replicas and need no detail. */
export const GATEWAY_ERRORS = {
  notFound: describe(GRPC.notFound, "Not Found"),
  wrongVerb: describe(GRPC.unimplemented, "Method Not Allowed"),
  noLeader: describe(GRPC.unavailable, "etcdserver: no leader"),
  /** A read without an outcome: it may be asked again. */
  readTimeout: describe(GRPC.unavailable, "etcdserver: request timed out"),
  /** A write without an outcome: it may yet happen, so the code must not invite a retry. */
  writeTimeout: describe(GRPC.deadlineExceeded, "context deadline exceeded"),
  /** The client's own `Grpc-Timeout` has passed; what it asked for may yet happen. */
  deadlineExceeded: describe(GRPC.deadlineExceeded, "context deadline exceeded"),
  overloaded: describe(GRPC.resourceExhausted, "etcdserver: too many requests"),
  /** Also for what is no region: it stands where etcd has a URL. */
  memberUrls: describe(GRPC.invalidArgument, "etcdserver: given member URLs are invalid"),
  // What is said about downgrades without a look at the cluster.
  downgradeFormat: describe(
    GRPC.invalidArgument,
    "etcdserver: wrong downgrade target version format",
  ),
  downgradeTarget: describe(GRPC.invalidArgument, "etcdserver: invalid downgrade target version"),
  noDowngrade: describe(GRPC.failedPrecondition, "etcdserver: no inflight downgrade job"),
  notCapable: describe(GRPC.failedPrecondition, "etcdserver: not capable"),
  unknownMethod: describe(GRPC.unknown, "etcdserver: unknown method"),
  unknownCluster: describe(
    GRPC.notFound,
    "edgekeeper: no such cluster; create it with PUT /v1/clusters/{name}",
  ),
  /** A watch that went on in another cluster would leave events out, or mix them up. */
  otherCluster: describe(
    GRPC.unavailable,
    "edgekeeper: the cluster was deleted or rebuilt; watch again to see the one that is there now",
  ),
  otherJurisdiction: {
    ...describe(
      GRPC.failedPrecondition,
      "edgekeeper: the cluster exists in another jurisdiction, which cannot be changed",
    ),
    status: 409,
  },
  /** A change of regions stops between two steps, never within one. */
  regionsUnfinished: describe(
    GRPC.deadlineExceeded,
    "edgekeeper: the cluster is still on its way to these regions; go on by sending the request again",
  ),
  clusterName: describe(
    GRPC.invalidArgument,
    "edgekeeper: a cluster's name is 1 to 63 of a-z, 0-9 and '-', and does not begin with '-'",
  ),
  noCredentialConfigured: describe(
    GRPC.permissionDenied,
    "edgekeeper: closed, because no credential is configured. " +
      "Set one with `npx wrangler secret put EDGEKEEPER_TOKEN` " +
      "and send it as `Authorization: Bearer <token>`",
  ),
  badCredential: describe(GRPC.unauthenticated, "etcdserver: invalid auth token"),
  noPasswordUser: describe(
    GRPC.unknown,
    "auth: authentication failed, password was given for no password user",
  ),
  passwordTooLong: describe(GRPC.unknown, "bcrypt: password length exceeds 72 bytes"),
  passwordHash: describe(
    GRPC.invalidArgument,
    `edgekeeper: hashedPassword is not a bcrypt hash of cost 4 to ${PASSWORD_COST_MAX}, in base64 or as it is`,
  ),
  permissionNotGiven: describe(GRPC.invalidArgument, "etcdserver: permission not given"),
  permissionType: describe(
    GRPC.invalidArgument,
    "edgekeeper: permType is READ, WRITE or READWRITE",
  ),
  labHeader: describe(
    GRPC.permissionDenied,
    "edgekeeper: the lab door wants the header `X-Edgekeeper-Lab: 1`",
  ),
  foreignHost: {
    ...describe(
      GRPC.permissionDenied,
      "edgekeeper: the development server answers to loopback names, and to pages from there, only",
    ),
    status: 421,
  },
  /** The stream ends with this; what came of it is no snapshot. */
  snapshotLost: describe(
    GRPC.unavailable,
    "edgekeeper: the replica has lost the snapshot that it was sending; ask for another",
  ),
  preconditionFailed: {
    ...describe(
      GRPC.failedPrecondition,
      "edgekeeper: the key is not in the state that If-Match or If-None-Match asks for",
    ),
    status: 412,
  },
  needsUpgrade: {
    ...describe(GRPC.invalidArgument, "edgekeeper: a session is opened by a WebSocket upgrade"),
    status: 426,
  },
  /** A replica keeps it with the socket. */
  nameTooLong: describe(
    GRPC.invalidArgument,
    "edgekeeper: the user's name is too long for a session; ask by HTTP",
  ),
  noSession: describe(
    GRPC.unavailable,
    "edgekeeper: the replica opens no session at the moment; ask again",
  ),
  idempotencyKey: describe(
    GRPC.invalidArgument,
    `edgekeeper: an Idempotency-Key has 1 to ${IDEMPOTENCY_KEY_LENGTH_MAX} visible characters of ASCII`,
  ),
  keyMissing: describe(GRPC.notFound, "edgekeeper: no such key"),
  /** A watch resumes elsewhere from the revision after the last one that came. */
  socketUnheard: describe(
    GRPC.resourceExhausted,
    "edgekeeper: too much was sent without a word from the client; resume, and send {} now and then",
  ),
  internal: describe(GRPC.internal, "edgekeeper: internal error"),
} as const satisfies Record<string, ApiError>;

/** The error that a client sees for a refusal. */
export const refusalError = (refusal: Refusal): ApiError => REFUSED[refusal];

/** A refusal as etcd words it where it stands inside an answer: with the name of its code. */
export function rpcErrorText(refusal: Refusal): string {
  const { code, message } = refusalError(refusal);
  const name = Object.entries(GRPC).find(([, each]) => each === code)![0];
  return `rpc error: code = ${name[0]!.toUpperCase()}${name.slice(1)} desc = ${message}`;
}

/** Why a cluster is not rebuilt or restored; nothing has changed. 409: its state is in the way. */
export const recoveryRefused = (detail: string): ApiError => ({
  ...describe(GRPC.failedPrecondition, `edgekeeper: ${detail}`),
  status: 409,
});

/** Tokens cannot be signed as the deployment is configured; `detail` names no secret. */
export const tokensMisconfigured = (detail: string): ApiError =>
  describe(GRPC.failedPrecondition, `edgekeeper: EDGEKEEPER_AUTH_TOKEN: ${detail}`);

/** What a deletion is answered with that does not say what it deletes: nothing has changed. */
export const deletionUnconfirmed = (cluster: string, clusterId: ClusterId): ApiError => ({
  ...describe(
    GRPC.failedPrecondition,
    "edgekeeper: this deletes the cluster and all of its keys, for ever; " +
      `to confirm, DELETE /v1/clusters/${cluster}?confirm=${clusterId}`,
  ),
  status: 428,
});

/** The id that confirms is not the cluster's: nothing has changed. */
export const deletionMistaken = (): ApiError => ({
  ...describe(GRPC.failedPrecondition, "edgekeeper: that is not the id of the cluster"),
  status: 409,
});

/** A request that does not have the form it should have. `message` must echo little of it. */
export const malformed = (message: string): ApiError => describe(GRPC.invalidArgument, message);

/** A body beyond the limit, as gRPC words it. `size` is what was seen, at least. */
export const bodyTooLarge = (size: number): ApiError =>
  describe(
    GRPC.resourceExhausted,
    `grpc: received message larger than max (${size} vs. ${BODY_BYTES_MAX})`,
  );

/**
 * The body of a unary error. Clients written for etcd 3.5 and before read `error`, later ones
 * `code` and `message`: all three please both.
 */
export const errorBody = (error: ApiError): string => JSON.stringify(errorFields(error));

/** The same, for a body that says more. */
export const errorFields = ({ code, message }: ApiError): object => ({
  error: message,
  code,
  message,
});

/**
 * The line that ends a stream. It has the fields of etcd 3.5 (`grpc_code`, `http_code`) besides
 * those of 3.6 and later.
 */
export const errorLine = ({ code, message, status }: ApiError): string =>
  `${JSON.stringify({ error: { code, message, grpc_code: code, http_code: status } })}\n`;
