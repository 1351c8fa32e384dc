// Every error of the tables, as a client meets it: which request gives it, with which status, code and
// text. What stands elsewhere is named. Nothing may be in a table that no test produces.

import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  bodyTooLarge,
  errorLine,
  GATEWAY_ERRORS,
  malformed,
  refusalError,
  type ApiError,
} from "../../src/api/error.ts";
import { RECIPE_ERRORS } from "../../src/api/recipe-error.ts";
import { FRESHNESS_OF_WRITE } from "../../src/api/freshness.ts";
import { REFUSALS } from "../../src/base/refusal.ts";
import { JSON_BODY_BYTES_MAX } from "../../src/http/request.ts";
import { appTo, errorOf, led } from "./support/app.ts";
import { installDigestStream } from "../support/digest-stream.ts";
import {
  FakeNetwork,
  follows,
  hangs,
  headerOf,
  isOverloaded,
  type Behaviour,
} from "./support/fake-network.ts";
import { answersInFull } from "./support/full-answers.ts";
import { TinyStore } from "./support/tiny-store.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

interface Scenario {
  readonly error: ApiError;
  readonly method?: string;
  readonly path?: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly network?: () => FakeNetwork;
  readonly options?: Parameters<typeof appTo>[1];
}

const everywhere = (behaviour: Behaviour): FakeNetwork =>
  new FakeNetwork({ wnam: behaviour, enam: behaviour, weur: behaviour });
const unknown = (): FakeNetwork => Object.assign(new FakeNetwork(), { directory: null });
const stored = (): FakeNetwork => new FakeNetwork({ wnam: new TinyStore().behaviour });
const PUT = { path: "/v3/kv/put", body: '{"key":"aw=="}' } as const;
const LARGE = "A".repeat(2_933_332);

/** By name of the entry, `GATEWAY_ERRORS` first. */
const SCENARIOS: Readonly<Record<string, Scenario>> = {
  notFound: { error: GATEWAY_ERRORS.notFound, path: "/v3/nope" },
  wrongVerb: { error: GATEWAY_ERRORS.wrongVerb, method: "GET" },
  noLeader: { error: GATEWAY_ERRORS.noLeader, network: () => everywhere(follows(null)) },
  readTimeout: { error: GATEWAY_ERRORS.readTimeout, network: () => everywhere(hangs) },
  writeTimeout: { error: GATEWAY_ERRORS.writeTimeout, network: () => everywhere(hangs), ...PUT },
  overloaded: { error: GATEWAY_ERRORS.overloaded, network: () => everywhere(isOverloaded) },
  memberUrls: {
    error: GATEWAY_ERRORS.memberUrls,
    path: "/v3/cluster/member/add",
    body: '{"peerURLs":["http://x"]}',
  },
  unknownCluster: {
    error: GATEWAY_ERRORS.unknownCluster,
    path: "/c/none/v3/kv/range",
    network: unknown,
  },
  idempotencyKey: {
    error: GATEWAY_ERRORS.idempotencyKey,
    headers: { "Idempotency-Key": "two words" },
    ...PUT,
  },
  needsUpgrade: { error: GATEWAY_ERRORS.needsUpgrade, method: "GET", path: "/v1/session" },
  clusterName: { error: GATEWAY_ERRORS.clusterName, path: "/c/No/v3/kv/range" },
  noCredentialConfigured: {
    error: GATEWAY_ERRORS.noCredentialConfigured,
    options: { development: false },
  },
  badCredential: {
    error: GATEWAY_ERRORS.badCredential,
    headers: { Authorization: "Bearer wrong" },
    options: { development: false, token: "right" },
  },
  labHeader: { error: GATEWAY_ERRORS.labHeader, path: "/_lab/replicas/wnam/abort" },
  foreignHost: { error: GATEWAY_ERRORS.foreignHost, headers: { Origin: "https://example.com" } },
  preconditionFailed: {
    error: GATEWAY_ERRORS.preconditionFailed,
    method: "PUT",
    path: "/v1/kv/a",
    headers: { "If-Match": '"9"' },
    network: stored,
  },
  keyMissing: {
    error: GATEWAY_ERRORS.keyMissing,
    method: "DELETE",
    path: "/v1/kv/a",
    network: stored,
  },
  downgradeFormat: {
    error: GATEWAY_ERRORS.downgradeFormat,
    path: "/v3/maintenance/downgrade",
    body: '{"version":"x"}',
  },
  downgradeTarget: {
    error: GATEWAY_ERRORS.downgradeTarget,
    path: "/v3/maintenance/downgrade",
    body: '{"version":"9.9"}',
  },
  noDowngrade: {
    error: GATEWAY_ERRORS.noDowngrade,
    path: "/v3/maintenance/downgrade",
    body: '{"action":"CANCEL"}',
  },
  notCapable: {
    error: GATEWAY_ERRORS.notCapable,
    path: "/v3/maintenance/downgrade",
    body: '{"action":"ENABLE","version":"3.6"}',
  },
  unknownMethod: {
    error: GATEWAY_ERRORS.unknownMethod,
    path: "/v3/maintenance/downgrade",
    body: '{"action":7}',
  },
  otherJurisdiction: {
    error: GATEWAY_ERRORS.otherJurisdiction,
    method: "PUT",
    path: "/v1/clusters/default",
    body: '{"jurisdiction":"eu"}',
  },
  noPasswordUser: {
    error: GATEWAY_ERRORS.noPasswordUser,
    path: "/v3/auth/authenticate",
    body: '{"name":"ann","password":"pw"}',
    network: () => new FakeNetwork({ wnam: answersInFull(null) }),
  },
  passwordTooLong: {
    error: GATEWAY_ERRORS.passwordTooLong,
    path: "/v3/auth/user/add",
    body: `{"name":"ann","password":"${"x".repeat(73)}"}`,
  },
  passwordHash: {
    error: GATEWAY_ERRORS.passwordHash,
    path: "/v3/auth/user/changepw",
    body: '{"name":"ann","hashedPassword":"plain"}',
  },
  permissionNotGiven: {
    error: GATEWAY_ERRORS.permissionNotGiven,
    path: "/v3/auth/role/grant",
    body: '{"name":"r"}',
  },
  permissionType: {
    error: GATEWAY_ERRORS.permissionType,
    path: "/v3/auth/role/grant",
    body: '{"name":"r","perm":{"permType":9}}',
  },
  deadlineExceeded: {
    error: GATEWAY_ERRORS.deadlineExceeded,
    headers: { "Grpc-Timeout": "20m" },
    network: () => everywhere(hangs),
  },
  internal: {
    error: GATEWAY_ERRORS.internal,
    path: "/v3/lease/leases",
    network: () => everywhere(() => ({ kind: "answered" }) as never),
  },
  "a body that is too large": {
    error: bodyTooLarge(JSON_BODY_BYTES_MAX + 1),
    body: "x".repeat(JSON_BODY_BYTES_MAX + 1),
  },
  "a request that is too large for gRPC": {
    error: bodyTooLarge(2_200_009),
    path: "/v3/kv/put",
    body: `{"key":"Zm9v","value":"${LARGE}"}`,
  },
  "a timeout that is none": {
    error: malformed("invalid grpc-timeout: 1X"),
    headers: { "Grpc-Timeout": "1X" },
  },
  "freshness of a write": {
    error: FRESHNESS_OF_WRITE,
    path: "/v3/kv/txn",
    body: '{"min_revision":1,"success":[{"request_put":{"key":"aw=="}}]}',
  },
  "an unknown number as sort order": {
    error: refusalError("invalidSortOption"),
    body: '{"key":"aw==","sort_order":7}',
  },
  "an unknown number as sort target, within a txn": {
    error: refusalError("invalidSortOption"),
    path: "/v3/kv/txn",
    body: '{"success":[{"request_range":{"key":"aw==","sort_target":9}}]}',
  },
  "text that is not JSON": {
    error: malformed("invalid character 'b' looking for beginning of object key string"),
    body: "{bad",
  },
  "a value that is none of its type": {
    error: malformed('proto: (line 1:9): invalid value for bytes field key: "***"'),
    body: '{"key": "***"}',
  },
  "a body that is no message": {
    error: malformed("proto: syntax error (line 1:1): unexpected token ["),
    body: "[1]",
  },
  "a field given twice": {
    error: malformed('proto: (line 1:13): duplicate field "key"'),
    body: '{"key":"Zg","key":"Zg"}',
  },
};

/** What another test produces, since it takes more than one request: a file, and what it says of it. */
const ELSEWHERE: Readonly<Record<string, readonly [file: string, text: string]>> = {
  regionsUnfinished: ["region-change.test.ts", "still on its way to these regions"],
  socketUnheard: ["conversation.test.ts", "GATEWAY_ERRORS.socketUnheard"],
  snapshotLost: ["errors.test.ts", "GATEWAY_ERRORS.snapshotLost"],
  nameTooLong: ["session-door.test.ts", "GATEWAY_ERRORS.nameTooLong"],
  noSession: ["session-door.test.ts", "GATEWAY_ERRORS.noSession"],
  otherCluster: ["session-end.test.ts", "GATEWAY_ERRORS.otherCluster"],
};

/** The answer, once every deadline has passed. */
async function answerTo(scenario: Scenario): Promise<Response> {
  const { method = "POST", path = "/v3/kv/range", headers = {}, network = led } = scenario;
  const body = scenario.body ?? (method === "POST" ? "{}" : null);
  const init = { headers, body: method === "GET" ? null : body };
  const pending = appTo(network(), scenario.options).send(method, path, init);
  await vi.advanceTimersByTimeAsync(8_000);
  return pending;
}

describe("errors of the router", () => {
  test.for(Object.entries(SCENARIOS))("%s", async ([, scenario]) => {
    const { error } = scenario;
    const response = await answerTo(scenario);
    expect(response.status).toBe(error.status);
    expect(await response.json()).toEqual(errorOf(error.code, error.message));
    expect(response.headers.get("Content-Type")).toBe("application/json");
    const challenge = response.headers.get("WWW-Authenticate");
    expect(challenge?.includes(error.message) ?? false).toBe(error.status === 401);
  });

  test.for(Object.entries(ELSEWHERE))("%s is produced elsewhere", ([, [file, text]]) => {
    expect(readFileSync(new URL(file, import.meta.url), "utf8")).toContain(text);
  });

  test("each of the table is produced", () => {
    const produced = [...Object.keys(SCENARIOS), ...Object.keys(ELSEWHERE)];
    expect(Object.keys(GATEWAY_ERRORS).filter((name) => !produced.includes(name))).toEqual([]);
  });
});

describe("refusals of replicas", () => {
  const refusing = (refusal: (typeof REFUSALS)[number]): FakeNetwork =>
    everywhere(() => ({ kind: "refused", refusal, header: headerOf("wnam", 1) }));

  test.for(REFUSALS)("%s is told with its status, and on a stream as its line", async (refusal) => {
    const { code, message, status } = refusalError(refusal);
    const response = await answerTo({
      ...PUT,
      error: malformed(""),
      network: () => refusing(refusal),
    });
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual(errorOf(code, message));
    const streamed = await appTo(refusing(refusal)).post("/v3/lease/keepalive", '{"ID":1}');
    expect(streamed.status).toBe(status);
    expect(await streamed.text()).toBe(
      `${JSON.stringify({ error: { code, message, grpc_code: code, http_code: status } })}\n`,
    );
  });
});

describe("errors of streams", () => {
  test("an election's observer is told that it ended, whatever the store refuses", async () => {
    const network = everywhere(() => ({
      kind: "refused",
      refusal: "userNameEmpty",
      header: headerOf("wnam", 1),
    }));
    const response = await appTo(network).post("/v3/election/observe", '{"name":"ZQ=="}');
    expect([response.status, await response.text()]).toEqual([
      500,
      errorLine(RECIPE_ERRORS.observeEnded),
    ]);
  });

  test("snapshotLost: the replica does not have the snapshot any more", async () => {
    installDigestStream();
    const place = { region: "wnam", generation: 1, jurisdiction: null };
    const network = everywhere(() => ({
      kind: "answered",
      header: headerOf("wnam", 1),
      answer: { kind: "snapshot", answer: { head: {} as never, name: "s", place } },
    }));
    const response = await appTo(network).post("/v3/maintenance/snapshot");
    expect([response.status, await response.text()]).toEqual([
      503,
      errorLine(GATEWAY_ERRORS.snapshotLost),
    ]);
  });
});
