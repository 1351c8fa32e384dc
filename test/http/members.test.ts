// etcd's cluster calls over HTTP: what reaches a replica, and what a client such as Patroni sees.

import { describe, expect, test } from "vitest";
import type { Refusal } from "../../src/base/refusal.ts";
import { asMemberId } from "../../src/base/types.ts";
import { appTo, errorOf, ORIGIN } from "./support/app.ts";
import {
  FakeNetwork,
  follows,
  hangs,
  headerOf,
  inTurn,
  type Behaviour,
} from "./support/fake-network.ts";

const WNAM = {
  id: asMemberId(1n),
  region: "wnam",
  generation: 1,
  isLearner: false,
  isStarted: true,
};

/** The leader: knows of itself alone, and hands leadership to whom one likes. */
const lists: Behaviour = ({ request }) => ({
  kind: "answered",
  header: headerOf("wnam", 1),
  answer:
    request.kind === "moveLeader"
      ? { kind: "moveLeader" }
      : { kind: "members", answer: { members: [WNAM], added: null } },
});

const refuses =
  (refusal: Refusal): Behaviour =>
  () => ({ kind: "refused", refusal, header: headerOf("wnam", 1) });

const LIST =
  '{"header":{"cluster_id":"9","member_id":"1","raft_term":"1"},"members":[{"ID":"1",' +
  `"name":"wnam/1","peerURLs":["region://wnam"],"clientURLs":["${ORIGIN}"]}]}`;

describe("cluster calls", () => {
  test.for([
    ["list", "{}", { kind: "memberList", linearizable: false }],
    ["add", '{"peerURLs":["weur"]}', { kind: "memberAdd", region: "weur", member: null }],
    ["remove", '{"ID":"1"}', { kind: "memberRemove", id: asMemberId(1n) }],
    ["update", '{"ID":"1","peerURLs":["wnam"]}', { kind: "memberUpdate", region: "wnam" }],
    ["promote", '{"ID":"1"}', { kind: "memberPromote", id: asMemberId(1n) }],
  ] as const)("member/%s is answered with the members", async ([path, body, expected]) => {
    const network = new FakeNetwork({ wnam: lists });
    for (const prefix of ["/v3", "/v3beta", "/c/other/v3"]) {
      const response = await appTo(network).post(`${prefix}/cluster/member/${path}`, body);
      expect([response.status, await response.text()]).toEqual([200, LIST]);
      expect(network.calls.at(-1)?.request).toMatchObject(expected);
    }
  });

  test("a transfer of leadership is answered with nothing, not even a header", async () => {
    const network = new FakeNetwork({ wnam: lists });
    const response = await appTo(network).post(
      "/v3/maintenance/transfer-leadership",
      '{"targetID":"2"}',
    );
    expect([response.status, await response.text()]).toEqual([200, "{}"]);
    expect(network.calls[0]?.request).toEqual({ kind: "moveLeader", target: asMemberId(2n) });
  });

  test("the list is any replica's, unless it is to be linearizable", async () => {
    const network = new FakeNetwork({ wnam: follows("enam"), enam: lists, weur: lists });
    const { post } = appTo(network);
    await post("/v3/kv/range", '{"key":"YQ=="}');
    network.replicas.set("wnam", lists);
    network.log.length = 0;
    await post("/v3/cluster/member/list", "{}");
    await post("/v3/cluster/member/list", '{"linearizable":true}');
    expect(network.log).toEqual(["serve wnam", "serve enam"]);
  });

  test.for([
    ["remove", '{"ID":"5"}', "memberNotFound", 404, 5, "etcdserver: member not found"],
    [
      "promote",
      '{"ID":"1"}',
      "notLearner",
      400,
      9,
      "etcdserver: can only promote a learner member",
    ],
    [
      "add",
      '{"peerURLs":["weur"]}',
      "memberExists",
      400,
      9,
      "etcdserver: Peer URLs already exists",
    ],
  ] as const)("member/%s %s is refused in etcd's words: %s", async (row) => {
    const [path, body, refusal, status, code, message] = row;
    const network = new FakeNetwork({ wnam: refuses(refusal) });
    const response = await appTo(network).post(`/v3/cluster/member/${path}`, body);
    expect([response.status, await response.json()]).toEqual([status, errorOf(code, message)]);
  });

  test("an unknown region is an invalid URL, and nobody is asked", async () => {
    const network = new FakeNetwork({ wnam: lists });
    const response = await appTo(network).post(
      "/v3/cluster/member/add",
      '{"peerURLs":["http://10.0.0.1:2380"]}',
    );
    expect([response.status, await response.json()]).toEqual([
      400,
      errorOf(3, "etcdserver: given member URLs are invalid"),
    ]);
    expect(network.log).toEqual([]);
  });

  test("POST only, as etcd", async () => {
    const response = await appTo(new FakeNetwork()).send("GET", "/v3/cluster/member/list");
    expect(response.status).toBe(501);
  });
});

describe("freshness", () => {
  const answers: Behaviour = ({ request }) => ({
    kind: "answered",
    header: headerOf("wnam", 1),
    answer:
      request.kind === "txn"
        ? { kind: "txn", answer: { succeeded: true, responses: [] } }
        : {
            kind: "range",
            answer: { kvs: [], more: false, count: 0 },
          },
  });
  const READS = [
    ["POST", "/v3/kv/range", (fields: object) => ({ key: "YQ==", ...fields })],
    [
      "POST",
      "/v3/kv/txn",
      (fields: object) => ({ success: [{ requestRange: { key: "YQ==" } }], ...fields }),
    ],
  ] as const;

  test.for(READS)("%s %s takes it from the body", async ([method, path, body]) => {
    for (const [fields, expected] of [
      [
        { min_revision: "7", max_staleness: 500 },
        { minRevision: 7, maxStalenessMs: 500 },
      ],
      [{ minRevision: 7 }, { minRevision: 7, maxStalenessMs: null }],
      [{ maxStaleness: "0" }, { minRevision: null, maxStalenessMs: 0 }],
      [{ min_revision: 0 }, undefined],
      [{ min_revision: null, max_staleness: null }, undefined],
      [{}, undefined],
    ] as const) {
      const network = new FakeNetwork({ wnam: answers });
      const response = await appTo(network).send(method, path, {
        body: JSON.stringify(body(fields)),
      });
      expect(response.status).toBe(200);
      expect(network.calls.map(({ freshness }) => freshness)).toEqual([expected]);
    }
  });

  test.for(READS)("%s %s: a negative or malformed one is refused", async ([method, path, body]) => {
    for (const [fields, message] of [
      [{ min_revision: -1 }, "edgekeeper: min_revision is negative"],
      [{ max_staleness: "-1" }, "edgekeeper: max_staleness is negative"],
    ] as const) {
      const network = new FakeNetwork({ wnam: answers });
      const text = JSON.stringify(body(fields));
      const response = await appTo(network).send(method, path, { body: text });
      expect([response.status, await response.json()]).toEqual([400, errorOf(3, message)]);
      expect(network.log).toEqual([]);
    }
    const malformed = JSON.stringify(body({ max_staleness: "5s" }));
    const response = await appTo(new FakeNetwork()).send(method, path, { body: malformed });
    expect(await response.text()).toContain('invalid value for int64 field maxStaleness: \\"5s\\"');
  });

  test("a transaction that may write cannot ask for it", async () => {
    const response = await appTo(new FakeNetwork({ wnam: answers })).post(
      "/v3/kv/txn",
      '{"failure":[{"requestPut":{"key":"YQ=="}}],"min_revision":5}',
    );
    expect(response.status).toBe(400);
    expect(await response.text()).toContain("are for reads");
  });

  test("the plain API takes it from the query, for one key and for lists", async () => {
    for (const path of ["/v1/kv/a?", "/v1/kv/a?prefix&"]) {
      const network = new FakeNetwork({ wnam: answers });
      const { send } = appTo(network);
      await send("GET", `${path}min_revision=7&max_staleness=250`);
      expect(network.calls[0]?.freshness).toEqual({ minRevision: 7, maxStalenessMs: 250 });
      await send("GET", path);
      expect(network.calls[1]).not.toHaveProperty("freshness");
      for (const query of ["min_revision=-1", "max_staleness=5s", "min_revision=1e3"]) {
        const response = await send("GET", path + query);
        expect([response.status, network.calls.length]).toEqual([400, 2]);
      }
    }
  });

  test("a fresh read goes to the nearest replica, and to others when that cannot tell", async () => {
    const network = new FakeNetwork({
      wnam: follows("enam", 3),
      enam: answers,
      weur: follows(null, 3),
    });
    const { app, post } = appTo(network);
    await post("/v3/kv/range", '{"key":"YQ=="}');
    network.log.length = 0;
    const init = { method: "POST", body: '{"key":"YQ==","min_revision":9}' };
    const request = new Request(`${ORIGIN}/v3/kv/range`, init);
    Object.assign(request, { cf: { continent: "EU" } });
    expect((await app.fetch(request)).status).toBe(200);
    expect(network.log).toEqual(["serve weur", "serve enam"]);
  });

  test("a revision that does not exist is refused in etcd's words", async () => {
    const network = new FakeNetwork({ wnam: refuses("futureRevision") });
    const response = await appTo(network).post("/v3/kv/range", '{"key":"YQ==","min_revision":99}');
    const message = "etcdserver: mvcc: required revision is a future revision";
    expect([response.status, await response.json()]).toEqual([400, errorOf(11, message)]);
  });

  test("whether a silent replica is there is asked without it: that answers at once", async () => {
    const hangsOnce = inTurn(hangs, answers);
    const network = new FakeNetwork({ wnam: hangsOnce, enam: answers });
    await appTo(network).post("/v3/kv/range", '{"key":"YQ==","min_revision":9}');
    expect(network.log).toEqual(["serve wnam", "probe wnam", "serve enam"]);
    expect(network.calls[1]).not.toHaveProperty("freshness");
  });
});
