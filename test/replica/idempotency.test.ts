// Writes that clients name with keys of their own, on a cluster: concurrent ones, at a new leader, by
// several doors, and where not every replica would remember.

import { beforeEach, describe, test } from "vitest";
import { decodeSessionAnswer } from "../../src/api/session-answer-codec.ts";
import type { ClientRequest, ReplicaAnswer } from "../../src/api/replica.ts";
import type { SessionRequest } from "../../src/api/session-call.ts";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import { asLeaseId } from "../../src/base/types.ts";
import { CODE_VERSION } from "../../src/base/versions.ts";
import { get, put } from "../support/requests.ts";
import { VirtualCluster } from "../support/virtual-cluster.ts";
import { beginWithAuth, FORBID, administer, login, outcome } from "./auth-cluster.ts";

const write = (value = "1"): ClientRequest => put(encodeUtf8("a"), encodeUtf8(value));
const named = { idempotencyKey: "k" };

/** What the client hears, without who said it. */
function heard(answer: ReplicaAnswer | undefined): unknown {
  return answer?.kind === "answered"
    ? { revision: answer.header.revision, answer: answer.answer }
    : outcome(answer);
}

const upgraded = (size = 3): VirtualCluster => {
  const cluster = new VirtualCluster(size);
  cluster.serve(put(encodeUtf8("z"), encodeUtf8("0")));
  cluster.runUntil(() =>
    cluster.statuses().every(({ clusterVersion }) => clusterVersion === CODE_VERSION),
  );
  return cluster;
};

describe("a write by its key", () => {
  let cluster: VirtualCluster;
  beforeEach(() => {
    cluster = upgraded();
  });

  test("happens once when it is asked for three times in one batch", ({ expect }) => {
    const leader = cluster.leader()!;
    const ids = [1, 2, 3].map(() => cluster.ask(leader, write(), named));
    cluster.runUntil(() => ids.every((id) => cluster.answers.has(id)));
    const told = ids.map((id) => heard(cluster.answers.get(id)));
    expect(told).toEqual([told[0], told[0], told[0]]);
    expect(leader.core.status().revision).toBe(3);
  });

  test("happens once when another leader is asked again, and its answer is the first", ({
    expect,
  }) => {
    const first = cluster.serve(write(), named);
    cluster.serve(write("2"));
    const { id } = cluster.leader()!;
    cluster.leader()!.isCut = true;
    cluster.runUntil(() => cluster.leader() !== null && cluster.leader()!.id !== id);
    expect(heard(cluster.serve(write(), named))).toEqual(heard(first));
    expect(heard(cluster.serve(write("3"), named))).toBe("idempotencyMismatch");
  });

  test("happens once when the first attempt is in the log that the new leader goes on with", ({
    expect,
  }) => {
    const leader = cluster.leader()!;
    const id = cluster.ask(leader, write(), named);
    // Its followers have the entry; it does not hear so.
    cluster.run(0);
    leader.isCut = true;
    cluster.runUntil(() => cluster.leader() !== null && cluster.leader() !== leader);
    const again = heard(cluster.serve(write(), named));
    expect(cluster.answers.get(id)?.kind).not.toBe("answered");
    expect(again).toEqual(heard(cluster.serve(write(), named)));
    expect(cluster.leader()!.core.status().revision).toBe(3);
  });

  test("is the same by a session", ({ expect }) => {
    const first = cluster.serve(write(), named);
    const leader = cluster.leader()!;
    cluster.openSession(leader, 1, null, { credentials: { kind: "none" }, expiresAt: null });
    const requestId = cluster.requestId();
    const call = {
      request: write() as SessionRequest,
      requestId,
      trace: "",
      timeoutMs: 5_000,
      ...named,
    };
    cluster.sendFrame(leader, 1, { kind: "request", request: 1, call, bytes: 64 });
    cluster.run(100);
    const [frame] = cluster.frames.get(1)!.filter(({ kind }) => kind === "answer");
    const answer = decodeSessionAnswer((frame as { body: Uint8Array }).body);
    const { header, result } = answer as Extract<typeof answer, { kind: "answered" }>;
    expect({ revision: header.revision, answer: result }).toEqual(heard(first));
  });

  test("is the same of a lease, whose id may be another each time", ({ expect }) => {
    const grant = (id: bigint): ClientRequest => ({
      kind: "leaseGrant",
      id: asLeaseId(id),
      ttlSeconds: 60,
    });
    const first = heard(cluster.serve(grant(7n), named));
    expect(heard(cluster.serve(grant(8n), named))).toEqual(first);
  });

  test("outlives a restart of all, and a snapshot to one who was away", ({ expect }) => {
    const first = heard(cluster.serve(write(), named));
    for (const node of cluster.nodes) cluster.restart(node);
    expect(heard(cluster.serve(write(), named))).toEqual(first);
  });

  test("has the first answer while nothing new may be written", ({ expect }) => {
    const first = heard(cluster.serve(write(), named));
    const member = cluster.leader()!.id;
    cluster.serve({ kind: "alarm", action: "activate", member, alarm: "noSpace" });
    expect(heard(cluster.serve(write(), { idempotencyKey: "another" }))).toBe("noSpace");
    expect(heard(cluster.serve(write(), named))).toEqual(first);
  });

  test("means nothing to a read", ({ expect }) => {
    cluster.serve(write(), named);
    expect(outcome(cluster.serve(get(encodeUtf8("a")), named))).toBe("answered");
  });
});

test("where not every replica would remember, a write with a key is refused and does not happen", ({
  expect,
}) => {
  const cluster = new VirtualCluster(3, { codeVersion: 3 });
  cluster.serve(write());
  cluster.run(500);
  cluster.restart(cluster.nodes[0]!, CODE_VERSION);
  cluster.restart(cluster.nodes[1]!, CODE_VERSION);
  cluster.runUntil(() => cluster.leader() !== null);
  expect(outcome(cluster.serve(write("2"), named))).toBe("idempotencyUnknown");
  expect(outcome(cluster.serve(write("2")))).toBe("answered");
  cluster.restart(cluster.nodes[2]!, CODE_VERSION);
  cluster.runUntil(() => cluster.leader()?.core.status().clusterVersion === CODE_VERSION);
  expect(outcome(cluster.serve(write("3"), named))).toBe("answered");
});

describe("while auth is on, a key", () => {
  test("is of its user, and repeats nothing to one who may not ask any more", ({ expect }) => {
    const cluster = beginWithAuth();
    cluster.runUntil(() => cluster.leader()!.core.status().clusterVersion === CODE_VERSION);
    const [ann, root] = [login(cluster, "ann"), login(cluster, "root")];
    const asks = (credentials: typeof ann, value?: string): unknown =>
      heard(cluster.serve(write(value), { ...named, credentials }));
    const first = asks(ann);
    expect(asks(root)).not.toEqual(first);
    expect(asks(root, "2")).toBe("idempotencyMismatch");
    expect(asks(ann)).toEqual(first);
    administer(cluster, FORBID, root);
    expect(asks(ann)).toBe("permissionDenied");
    expect(heard(cluster.serve(write(), named))).toBe("userNameEmpty");
  });
});
