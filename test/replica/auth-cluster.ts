// Owns a cluster in virtual time on which auth is on, and how tests ask it as somebody.

import { addUser, grant, permit, ROOT_USER } from "../auth/requests.ts";
import { put } from "../support/requests.ts";
import { VirtualCluster } from "../support/virtual-cluster.ts";
import type { ClientRequest, ReplicaAnswer } from "../../src/api/replica.ts";
import type { AuthAnswer, AuthRequest, Credentials } from "../../src/base/auth.ts";
import { encodeUtf8 } from "../../src/base/bytes.ts";

export const ON: AuthRequest = { op: "enable" };
export const OFF: AuthRequest = { op: "disable" };

/** Takes from ann what she may do. */
export const FORBID: AuthRequest = {
  op: "roleRevokePermission",
  name: "r",
  key: encodeUtf8("a"),
  rangeEnd: encodeUtf8("c"),
};

export const request = (asked: AuthRequest): ClientRequest => ({ kind: "auth", request: asked });

/** What a refusal names, or the kind of what was answered. */
export const outcome = (answer: ReplicaAnswer | undefined): string =>
  answer?.kind === "refused" ? answer.refusal : (answer?.kind ?? "none");

export const administer = (
  cluster: VirtualCluster,
  asked: AuthRequest,
  credentials?: Credentials,
): ReplicaAnswer => cluster.serve(request(asked), credentials === undefined ? {} : { credentials });

/** Three replicas; ann may read and write [a, c). */
export function beginWithAuth(): VirtualCluster {
  const cluster = new VirtualCluster(3);
  cluster.serve(put(encodeUtf8("z"), encodeUtf8("0")));
  cluster.run(1_000);
  const asked: AuthRequest[] = [
    ...ROOT_USER,
    addUser("ann"),
    { op: "roleAdd", name: "r" },
    permit("r", "readwrite", "a", "c"),
    grant("ann", "r"),
    ON,
  ];
  for (const each of asked) answerOf(administer(cluster, each));
  return cluster;
}

/** A token as the router gets it: what the password is compared with, and then the token. */
export function login(cluster: VirtualCluster, name: string): Credentials {
  const known = answerOf(administer(cluster, { op: "passwordOf", name }));
  if (known.op !== "password") throw new Error("no hash");
  const { authRevision } = known;
  const letters = "abcdefghijklmnop";
  const issued = answerOf(administer(cluster, { op: "issueToken", name, authRevision, letters }));
  if (issued.op !== "token") throw new Error("no token");
  return { kind: "token", token: issued.token };
}

function answerOf(answer: ReplicaAnswer): AuthAnswer {
  if (answer.kind === "answered" && answer.answer.kind === "auth") return answer.answer.answer;
  throw new Error(`not answered, but ${outcome(answer)}`);
}
