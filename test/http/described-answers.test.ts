// Every answer that the description of the API promises, given by the app and held against it. None
// may be promised that is not given here.

import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import {
  encodeEnd,
  encodeFrame,
  encodeHead,
  type SnapshotHead,
} from "../../src/api/snapshot-file.ts";
import { OPERATIONS } from "../../src/api/openapi.ts";
import { asClusterId, asLogIndex, asRevision, asTerm, type Bytes } from "../../src/base/types.ts";
import { concatBytes, encodeUtf8 } from "../../src/base/bytes.ts";
import { Passwords } from "../../src/http/passwords.ts";
import { PLATFORM } from "../../src/http/platform.ts";
import { answerFaults, requestFaults } from "../support/api-description.ts";
import { ETCD_SERVICE_EXCHANGES } from "../support/etcd-service-exchanges.ts";
import { appTo, led } from "./support/app.ts";
import { directoryOf, FakeNetwork, follows, headerOf, leads } from "./support/fake-network.ts";
import { installDigestStream } from "../support/digest-stream.ts";
import { FakeSocket } from "./support/fake-session.ts";
import { answersInFull } from "./support/full-answers.ts";
import { TinyStore } from "./support/tiny-store.ts";

type App = ReturnType<typeof appTo>;

/** What is sent, with which status it is answered, and the body, if one goes along. */
type Row = readonly [method: string, path: string, status: number, body?: string | Bytes];

/** What is sent to an app, one request after another. */
interface Conversation {
  readonly app: () => App | Promise<App>;
  readonly rows: readonly Row[];
}

const passwords = new Passwords(PLATFORM);

async function full(): Promise<App> {
  const network = new FakeNetwork({ wnam: answersInFull(await passwords.hash("p")) });
  network.openSocket = async () => new FakeSocket();
  return appTo(network);
}

function withClusters(): App {
  const network = new FakeNetwork({ wnam: leads("wnam") });
  network.onRecover = async () => ({
    kind: "recovered",
    directory: directoryOf(["weur"]),
    revision: 9,
  });
  network.onList = async () => ({
    clusters: [
      { name: "flags", clusterId: asClusterId(9n), jurisdiction: null },
      { name: "users", clusterId: asClusterId(8n), jurisdiction: "eu" },
    ],
    more: true,
  });
  network.statuses.set("wnam", async () => ({
    role: "leader",
    memberId: directoryOf(["wnam"]).members[0]!.id,
    leader: null,
    term: 1 as never,
    commit: 1,
    applied: 1,
    revision: 1,
    incarnation: 1,
    isAsleep: false,
    clusterVersion: 3,
    alarms: [],
  }));
  return appTo(network);
}

const HEAD: SnapshotHead = {
  clusterId: asClusterId(9n),
  clusterVersion: 3,
  index: asLogIndex(5),
  term: asTerm(1),
  revision: asRevision(4),
};
const PART = encodeUtf8("rows");

/** A file, in its shape: nobody looks at the rows. */
const FILE = ((): Bytes => {
  const content = concatBytes([encodeHead(HEAD), encodeFrame(PART)]);
  const covered = concatBytes([content, encodeEnd(content.length)]);
  return concatBytes([covered, new Uint8Array(createHash("sha256").update(covered).digest())]);
})();

function withSnapshots(): App {
  installDigestStream();
  const place = { region: "wnam", generation: 1, jurisdiction: null };
  const network = new FakeNetwork({
    wnam: () => ({
      kind: "answered",
      header: headerOf("wnam", 1),
      answer: { kind: "snapshot", answer: { head: HEAD, name: "s", place } },
    }),
  });
  network.snapshotDoors = {
    snapshotPart: async () => ({ data: PART, next: null, databaseBytes: 4_096 }),
    snapshotEnd: async () => {},
    uploadPart: async () => ({ ok: true, value: null }),
    uploadEnd: async () => {},
  };
  const [member] = directoryOf(["wnam"]).members;
  network.foundingDoors = {
    reserveFounder: async () => ({ member: member!, jurisdiction: "eu", nonce: "n" }),
    found: async () => ({
      kind: "recovered",
      directory: { ...directoryOf(["wnam"]), jurisdiction: "eu" },
      revision: 9,
    }),
  };
  return appTo(network);
}

const sick = (): App =>
  appTo(
    new FakeNetwork({
      wnam: () => ({ kind: "refused", refusal: "corrupt", header: headerOf("wnam", 1) }),
      enam: follows("wnam"),
      weur: follows("wnam"),
    }),
  );

const posted = (path: string, body = "{}"): Row => ["POST", `/v3${path}`, 200, body];

const LIMITS = '{"leases":5,"auto_compaction":{"mode":"periodic","retention":"1h"}}';
const BY_REVISIONS = '{"auto_compaction":{"mode":"revision","retention":100}}';
const RECOVERY = '{"from":{"region":"weur","generation":1},"region":"weur","confirm":"9"}';
const LEADER = '"leader":{"name":"ZQ==","key":"ZS80ZA==","rev":"4","lease":"77"}';

const CONVERSATIONS: Readonly<Record<string, Conversation>> = {
  "keys, by path": {
    app: () => appTo(new FakeNetwork({ wnam: new TinyStore().behaviour })),
    rows: [
      ["PUT", "/v1/kv/a", 201, "1"],
      ["PUT", "/v1/kv/a", 200, "2"],
      ["PUT", "/v1/kv/%ff?lease=7", 201, "\u0000"],
      ["GET", "/v1/kv/?prefix", 200],
      ["GET", "/v1/kv/?prefix&limit=1", 200],
      ["GET", "/v1/kv/none", 404],
      ["DELETE", "/v1/kv/none", 404],
    ],
  },
  clusters: {
    app: withClusters,
    rows: [
      ["GET", "/v1/clusters", 200],
      ["GET", "/v1/clusters/default", 200],
      ["PUT", "/v1/clusters/default", 200, "{}"],
      ["PUT", "/v1/clusters/default", 400, '{"regions":[1]}'],
      ["GET", "/v1/clusters/default/limits", 200],
      ["PUT", "/v1/clusters/default/limits", 200, LIMITS],
      ["PUT", "/v1/clusters/default/limits", 200, BY_REVISIONS],
      ["PUT", "/v1/clusters/default/limits", 200, '{"auto_compaction":null}'],
      ["GET", "/v1/clusters/default/replicas", 200],
      ["PUT", "/v1/clusters/default/regions", 200, '{"regions":["wnam"]}'],
      ["PUT", "/v1/clusters/default/version", 200, '{"cap":null}'],
      ["POST", "/v1/clusters/default/recover", 200, RECOVERY],
      ["DELETE", "/v1/clusters/default", 428],
      ["DELETE", "/v1/clusters/default?confirm=8", 409],
      ["DELETE", "/v1/clusters/default?confirm=9", 200],
    ],
  },
  "a new cluster": {
    app: () => appTo(Object.assign(new FakeNetwork(), { directory: null })),
    rows: [
      ["PUT", "/v1/clusters/new", 201, `{"jurisdiction":"eu","limits":${LIMITS}}`],
      ["GET", "/v1/clusters/new", 200],
    ],
  },
  monitors: {
    app: () => appTo(led()),
    rows: [
      ["GET", "/health", 200],
      ["GET", "/version", 200],
      ["GET", "/livez", 200],
      ["GET", "/readyz?verbose", 200],
      ["GET", "/livez/serializable_read", 200],
      ["GET", "/readyz/non_learner", 200],
      ["GET", "/livez/nope", 404],
      ["GET", "/readyz/nope", 404],
      ["GET", "/metrics", 200],
      ["GET", "/openapi.json", 200],
    ],
  },
  "monitors of a cluster that is not well": {
    app: sick,
    rows: [
      ["GET", "/health", 503],
      ["GET", "/livez", 503],
      ["GET", "/readyz", 503],
      ["GET", "/livez/serializable_read", 503],
      ["GET", "/readyz/linearizable_read", 503],
    ],
  },
  "keys and leases": {
    app: full,
    rows: [
      posted("/kv/put", '{"key":"YQ==","value":"MQ==","lease":77}'),
      posted("/kv/put", '{"key":"YQ==","prev_kv":true}'),
      posted("/kv/range", '{"key":"YQ=="}'),
      posted("/kv/txn", '{"success":[{"request_put":{"key":"Yg=="}},{"request_txn":{}}]}'),
      posted("/kv/deleterange", '{"key":"YQ==","prev_kv":true}'),
      posted("/kv/compaction", '{"revision":2}'),
      posted("/lease/grant", '{"TTL":60}'),
      ...["/lease", "/kv/lease"].flatMap((at) => [
        posted(`${at}/timetolive`, '{"ID":77,"keys":true}'),
        posted(`${at}/leases`),
        posted(`${at}/revoke`, '{"ID":77}'),
      ]),
      posted("/lease/keepalive", '{"ID":77}'),
      posted("/watch", '{"create_request":{"key":"YQ=="}}'),
    ],
  },
  "members and maintenance": {
    app: full,
    rows: [
      posted("/cluster/member/list"),
      posted("/cluster/member/add", '{"peerURLs":["weur"],"isLearner":true}'),
      posted("/cluster/member/remove", '{"ID":3}'),
      posted("/cluster/member/update", '{"ID":3,"peerURLs":["weur"]}'),
      posted("/cluster/member/promote", '{"ID":3}'),
      posted("/maintenance/transfer-leadership", '{"targetID":3}'),
      ...["alarm", "status", "defragment", "hash", "hashkv"].map((one) =>
        posted(`/maintenance/${one}`),
      ),
      posted("/maintenance/downgrade", '{"version":"3.6"}'),
    ],
  },
  "locks and elections": {
    app: full,
    rows: [
      posted("/lock/lock", '{"name":"bg==","lease":77}'),
      posted("/lock/unlock", '{"key":"bi80ZA=="}'),
      posted("/election/campaign", '{"name":"ZQ==","lease":77,"value":"MQ=="}'),
      posted("/election/leader", '{"name":"ZQ=="}'),
      posted("/election/observe", '{"name":"ZQ=="}'),
      posted("/election/proclaim", `{${LEADER},"value":"Mg=="}`),
      posted("/election/resign", `{${LEADER}}`),
      ["POST", "/v3/election/leader", 500, '{"name":"ZQ=="}'],
    ],
  },
  "snapshots as etcd streams them": {
    app: withSnapshots,
    rows: [posted("/maintenance/snapshot")],
  },
  "snapshots as files": {
    app: withSnapshots,
    rows: [
      ["GET", "/v1/clusters/default/snapshot", 200],
      ["POST", "/v1/clusters/new/restore?regions=wnam&jurisdiction=eu", 201, FILE],
      ["POST", "/v1/clusters/new/restore?regions=wnam", 400, "no file"],
    ],
  },
  "users and roles": {
    app: full,
    rows: ETCD_SERVICE_EXCHANGES.filter(([path]) => path.startsWith("/v3/auth/")).map(
      ([path, body]) => [
        "POST",
        path,
        body === '{"name":"r"}' && path.endsWith("grant") ? 400 : 200,
        body,
      ],
    ),
  },
};

/** What of the description `path` is. */
function placeOf(method: string, path: string): string {
  const { pathname } = new URL(path, "http://x");
  const fits = OPERATIONS.filter(
    (operation) =>
      operation.method === method.toLowerCase() &&
      new RegExp(`^${operation.path.replaceAll(/\{\w+\}/g, "[^/]*")}$`).test(pathname),
  );
  expect(fits.map((fit) => fit.path)).toHaveLength(1);
  return fits[0]!.path;
}

/** The first line of an answer, which may go on for ever. */
async function firstLine(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of response.body!) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (text.includes("\n")) break;
  }
  return text.split("\n")[0]!;
}

const LINES = [
  "/v3/maintenance/snapshot",
  "/v3/watch",
  "/v3/election/observe",
  "/v3/lease/keepalive",
];

async function faultsOf({ send }: App, [method, path, status, body]: Row): Promise<unknown> {
  const response = await send(method, path, body === undefined ? {} : { body });
  const place = { method: method.toLowerCase(), path: placeOf(method, path) };
  const mediaType = response.headers.get("Content-Type")!.split(";")[0]!;
  const text = await (LINES.includes(path) ? firstLine(response) : response.text());
  const isText = mediaType !== "application/json" && place.path !== "/health";
  const answer = { status: response.status, mediaType, body: isText ? text : JSON.parse(text) };
  const isSent = typeof body === "string" && !place.path.startsWith("/v1/kv") && status < 400;
  return {
    status: response.status,
    ofRequest: isSent ? requestFaults(place, JSON.parse(body)) : [],
    // Of bytes there is nothing to say.
    ofAnswer: mediaType === "application/octet-stream" ? [] : answerFaults(place, answer),
    expected: [method, path, status],
  };
}

describe("our answers are as described", () => {
  test.for(Object.entries(CONVERSATIONS))("%s", async ([, { app, rows }]) => {
    const open = await app();
    for (const row of rows) {
      const [method, path, status] = row;
      expect(await faultsOf(open, row)).toEqual({
        status,
        ofRequest: [],
        ofAnswer: [],
        expected: [method, path, status],
      });
    }
  });

  test("none is described that is not given here", () => {
    const given = new Set(
      Object.values(CONVERSATIONS).flatMap(({ rows }) =>
        rows.map(([method, path, status]) => `${status} ${method} ${placeOf(method, path)}`),
      ),
    );
    const promised = OPERATIONS.flatMap(({ method, path, answers }) =>
      Object.entries(answers)
        .filter(([, { bodies }]) => bodies.some(({ kind }) => kind !== "other"))
        .map(([status]) => `${status} ${method.toUpperCase()} ${path}`),
    );
    expect(promised.length).toBeGreaterThan(60);
    expect(promised.filter((answer) => !given.has(answer))).toEqual([]);
  });
});
