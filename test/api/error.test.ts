// The error table: every refusal has etcd's text, code and status.

import { describe, expect, test } from "vitest";
import {
  bodyTooLarge,
  errorBody,
  errorLine,
  GATEWAY_ERRORS,
  refusalError,
  rpcErrorText,
} from "../../src/api/error.ts";
import { REFUSALS } from "../../src/base/refusal.ts";

/** As a running etcd 3.5.16 answers, or as its source has it. */
const EXPECTED = {
  keyNotProvided: [3, 400, "etcdserver: key is not provided"],
  keyNotFound: [3, 400, "etcdserver: key not found"],
  valueProvided: [3, 400, "etcdserver: value is provided"],
  leaseProvided: [3, 400, "etcdserver: lease is provided"],
  tooManyOps: [3, 400, "etcdserver: too many operations in txn request"],
  duplicateKey: [3, 400, "etcdserver: duplicate key given in txn request"],
  invalidSortOption: [3, 400, "etcdserver: invalid sort option"],
  compacted: [11, 400, "etcdserver: mvcc: required revision has been compacted"],
  futureRevision: [11, 400, "etcdserver: mvcc: required revision is a future revision"],
  leaseNotFound: [5, 404, "etcdserver: requested lease not found"],
  leaseExists: [9, 400, "etcdserver: lease already exists"],
  leaseTtlTooLarge: [11, 400, "etcdserver: too large lease TTL"],
  requestTooLarge: [3, 400, "etcdserver: request is too large"],
  noSpace: [8, 429, "etcdserver: mvcc: database space exceeded"],
  tooManyRequests: [8, 429, "etcdserver: too many requests"],
  memberNotFound: [5, 404, "etcdserver: member not found"],
  memberExists: [9, 400, "etcdserver: Peer URLs already exists"],
  notEnoughStarted: [
    9,
    400,
    "etcdserver: re-configuration failed due to not enough started members",
  ],
  lastVoter: [9, 400, "etcdserver: re-configuration failed due to not enough started members"],
  unhealthy: [14, 503, "etcdserver: unhealthy cluster"],
  notLearner: [9, 400, "etcdserver: can only promote a learner member"],
  learnerNotReady: [
    9,
    400,
    "etcdserver: can only promote a learner member which is in sync with leader",
  ],
  tooManyLearners: [9, 400, "etcdserver: too many learner members in cluster"],
  badTransferee: [9, 400, "etcdserver: bad leader transferee"],
  authFailed: [3, 400, "etcdserver: authentication failed, invalid user ID or password"],
  authNotEnabled: [9, 400, "etcdserver: authentication is not enabled"],
  authRevisionOld: [3, 400, "etcdserver: revision of auth store is old"],
  permissionDenied: [7, 403, "etcdserver: permission denied"],
  userNameEmpty: [3, 400, "etcdserver: user name is empty"],
  invalidAuthToken: [16, 401, "etcdserver: invalid auth token"],
  roleNameEmpty: [3, 400, "etcdserver: role name is empty"],
  invalidAuthManagement: [3, 400, "etcdserver: invalid auth management"],
  permissionNotGranted: [9, 400, "etcdserver: permission is not granted to the role"],
  roleExists: [9, 400, "etcdserver: role name already exists"],
  roleNotFound: [9, 400, "etcdserver: role name not found"],
  roleNotGranted: [9, 400, "etcdserver: role is not granted to the user"],
  rootRoleMissing: [9, 400, "etcdserver: root user does not have root role"],
  rootUserMissing: [9, 400, "etcdserver: root user does not exist"],
  userExists: [9, 400, "etcdserver: user name already exists"],
  userNotFound: [9, 400, "etcdserver: user name not found"],
  corrupt: [15, 500, "etcdserver: corrupt cluster"],
} as const;

describe("the error table", () => {
  test.for(Object.entries(EXPECTED))("%s is etcd's", ([refusal, [code, status, message]]) => {
    expect(refusalError(refusal as keyof typeof EXPECTED)).toEqual({ code, status, message });
  });

  test("refusals of our own say that they are", () => {
    const own = REFUSALS.filter((refusal) => !(refusal in EXPECTED));
    expect(own).toEqual([
      "tooManyKeys",
      "answerForgotten",
      "idempotencyMismatch",
      "answerTooLarge",
      "regionUnchangeable",
      "changeUnderWay",
      "stateNeedsVersion",
      "idempotencyUnknown",
    ]);
    for (const refusal of own) expect(refusalError(refusal).message).toMatch(/^edgekeeper: /);
    expect(refusalError("idempotencyMismatch").status).toBe(422);
  });

  test("a refusal inside an answer has the name of its code, as etcd's watches word it", () => {
    expect(rpcErrorText("permissionDenied")).toBe(
      "rpc error: code = PermissionDenied desc = etcdserver: permission denied",
    );
    expect(rpcErrorText("userNameEmpty")).toBe(
      "rpc error: code = InvalidArgument desc = etcdserver: user name is empty",
    );
    expect(rpcErrorText("invalidAuthToken")).toBe(
      "rpc error: code = Unauthenticated desc = etcdserver: invalid auth token",
    );
  });

  test("a body pleases clients of all versions", () => {
    expect(JSON.parse(errorBody(refusalError("leaseNotFound")))).toEqual({
      error: "etcdserver: requested lease not found",
      code: 5,
      message: "etcdserver: requested lease not found",
    });
  });

  test("the line that ends a stream has the fields of old and new gateways", () => {
    expect(errorLine(GATEWAY_ERRORS.noLeader)).toBe(
      '{"error":{"code":14,"message":"etcdserver: no leader","grpc_code":14,"http_code":503}}\n',
    );
  });

  test("a write without outcome does not look like one that a client may repeat", () => {
    expect(GATEWAY_ERRORS.writeTimeout).toMatchObject({ code: 4, status: 504 });
    expect(GATEWAY_ERRORS.readTimeout).toMatchObject({ code: 14, status: 503 });
  });

  test("a body beyond the limit is refused in gRPC's words", () => {
    expect(bodyTooLarge(2_550_010)).toMatchObject({
      status: 429,
      message: "grpc: received message larger than max (2550010 vs. 2097152)",
    });
  });
});
