// etcd's maintenance calls over HTTP: whom they reach, and what comes of refusals.

import { describe, expect, test } from "vitest";
import type { Refusal } from "../../src/base/refusal.ts";
import { asLogIndex, asMemberId, asRevision, asTerm } from "../../src/base/types.ts";
import type { ClientAnswer } from "../../src/api/replica.ts";
import { appTo } from "./support/app.ts";
import { FakeNetwork, follows, headerOf, type Behaviour } from "./support/fake-network.ts";

const STATUS: ClientAnswer = {
  kind: "status",
  answer: {
    leader: null,
    term: asTerm(1),
    commit: asLogIndex(2),
    applied: asLogIndex(2),
    isLearner: false,
    alarms: [],
    sizeBytes: 4_096,
    inUseBytes: 4_096,
    quotaBytes: 100,
  },
};

const answerTo = ({ request }: Parameters<Behaviour>[0]): ClientAnswer => {
  switch (request.kind) {
    case "status":
      return STATUS;
    case "hash":
      return { kind: "hash", hash: 5 };
    case "hashKv": {
      const compactRevision = asRevision(-1);
      return { kind: "hashKv", answer: { hash: 6, compactRevision, hashRevision: asRevision(1) } };
    }
    case "defragment":
    case "downgrade":
      return { kind: request.kind };
    default:
      return { kind: "alarm", alarms: [{ member: asMemberId(7n), alarm: "noSpace" }] };
  }
};

const serves: Behaviour = (call) => ({
  kind: "answered",
  header: headerOf("wnam", 1),
  answer: answerTo(call),
});

/** A follower that answers what needs no leader. */
const followsBut =
  (kind: string): Behaviour =>
  (call) =>
    call.request.kind === kind ? serves(call) : follows("enam")(call);

const refuses =
  (refusal: Refusal): Behaviour =>
  () => ({ kind: "refused", refusal, header: headerOf("wnam", 1) });

describe("maintenance calls", () => {
  test.for([
    ["alarm", { alarms: [{ memberID: "7", alarm: "NOSPACE" }] }],
    ["status", { version: "3.7.1", dbSize: "4096", errors: ["etcdserver: no leader"] }],
    ["hash", { hash: 5 }],
    ["hashkv", { hash: 6, compact_revision: "-1", hash_revision: "1" }],
    ["downgrade", { version: "3.7.0" }],
  ] as const)("%s is answered below its header", async ([path, expected]) => {
    const body = path === "downgrade" ? '{"version":"3.6"}' : "{}";
    for (const prefix of ["/v3", "/v3beta", "/c/other/v3"]) {
      const { post } = appTo(new FakeNetwork({ wnam: serves }));
      const response = await post(`${prefix}/maintenance/${path}`, body);
      expect(response.status).toBe(200);
      expect(await response.json()).toMatchObject({ header: { member_id: "1" }, ...expected });
    }
  });

  test("defragmenting is answered with nothing, not even a header", async () => {
    const { post } = appTo(new FakeNetwork({ wnam: serves }));
    const response = await post("/v3/maintenance/defragment", "{}");
    expect([response.status, await response.text()]).toEqual([200, "{}"]);
  });

  test("hashes, alarms and status are the leader's", async () => {
    const network = new FakeNetwork({ wnam: followsBut("status"), enam: serves, weur: serves });
    const { post } = appTo(network);
    await post("/v3/maintenance/hashkv", "{}");
    await post("/v3/maintenance/alarm", "{}");
    const asked = network.calls.filter(({ request }) => request.kind !== "range");
    expect(asked.at(-1)?.request).toMatchObject({ kind: "alarm" });
    expect(network.log.at(-1)).toBe("serve enam");
    await post("/v3/maintenance/status", "{}");
    expect(network.log.at(-1)).toBe("serve enam");
  });

  test("status is told by a replica that knows of no leader", async () => {
    const { post } = appTo(new FakeNetwork({ wnam: followsBut("status") }));
    expect((await post("/v3/maintenance/status", "{}")).status).toBe(200);
  });

  test.for([
    ["noSpace", 429, "etcdserver: mvcc: database space exceeded"],
    ["corrupt", 500, "etcdserver: corrupt cluster"],
    ["tooManyRequests", 429, "etcdserver: too many requests"],
  ] as const)("a put that is refused: %s", async ([refusal, status, text]) => {
    const { post } = appTo(new FakeNetwork({ wnam: refuses(refusal) }));
    const response = await post("/v3/kv/put", '{"key":"YQ=="}');
    expect([response.status, await response.json()]).toMatchObject([status, { message: text }]);
  });
});
