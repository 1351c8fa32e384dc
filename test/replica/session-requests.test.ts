// Requests within the sessions of clients: any number at once, answered as their outcomes come, and at
// the cost of what their client takes.

import { beforeEach, describe, test } from "vitest";
import { decodeSessionAnswer } from "../../src/api/session-answer-codec.ts";
import type { SessionAnswer, SessionCall, SessionRequest } from "../../src/api/session-call.ts";
import type { SessionIdentity } from "../../src/api/session-identity.ts";
import {
  answerWeight,
  CLOSE_PROTOCOL,
  CLOSE_RESUME,
  type ReceiverFrame,
} from "../../src/api/session.ts";
import type { Credentials } from "../../src/base/auth.ts";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import {
  SESSION_ANSWER_CREDIT_BYTES,
  SESSION_REQUESTS_MAX,
  SESSION_TURNED_AWAY_MAX,
} from "../../src/base/limits.ts";
import type { Bytes } from "../../src/base/types.ts";
import { get, put, watchOf } from "../support/requests.ts";
import { VirtualCluster } from "../support/virtual-cluster.ts";
import { administer, beginWithAuth, FORBID, login } from "./auth-cluster.ts";

const SESSION = 1;
const NOBODY: SessionIdentity = { credentials: { kind: "none" }, expiresAt: null };

let cluster: VirtualCluster;
let lastRequest = 0;

const key = (n: number): Bytes => encodeUtf8(`k${String(n).padStart(4, "0")}`);
const putOf = (name: Bytes, value: Bytes = encodeUtf8("v")): SessionRequest => put(name, value);
const getOf = (name: Bytes): SessionRequest => get(name) as SessionRequest;

function ask(request: SessionRequest, options: Partial<SessionCall> = {}): ReceiverFrame {
  const requestId = cluster.requestId();
  const call = { request, requestId, trace: "", timeoutMs: 5_000, ...options };
  return { kind: "request", request: ++lastRequest, call, bytes: 64 };
}

const leader = () => cluster.leader()!;

/** Sends in one message. */
const send = (...frames: ReceiverFrame[]): void => cluster.sendFrame(leader(), SESSION, ...frames);

const bodies = (session = SESSION): { request: number; body: Bytes }[] =>
  (cluster.frames.get(session) ?? []).flatMap((frame) => (frame.kind === "answer" ? [frame] : []));

const answers = (session = SESSION): Map<number, SessionAnswer> =>
  new Map(bodies(session).map(({ request, body }) => [request, decodeSessionAnswer(body)]));

const outcomes = (): string[] =>
  [...answers().values()].map((one) => (one.kind === "refused" ? `${one.refusal}` : one.kind));

const weightOf = (from = 0): number =>
  bodies()
    .slice(from)
    .reduce((sum, { body }) => sum + answerWeight(body), 0);

function begin(identity: SessionIdentity = NOBODY): void {
  lastRequest = 0;
  cluster.runUntil(() => cluster.leader() !== null);
  cluster.openSession(leader(), SESSION, null, identity);
}

describe("requests of a session", () => {
  beforeEach(() => {
    cluster = new VirtualCluster(3);
    begin();
  });

  test("are answered, a thousand of one message, in the order of their outcomes", ({ expect }) => {
    const frames = Array.from({ length: 500 }, (_, n) => [
      ask(putOf(key(n), encodeUtf8(`${n}`))),
      ask({ ...getOf(key(9_999)), serializable: true } as SessionRequest),
    ]).flat();
    send(...frames);
    // What needs no other replica is answered before what was asked for earlier.
    expect(bodies().map(({ request }) => request % 2)).toEqual(Array<number>(500).fill(0));
    expect(cluster.runUntil(() => bodies().length === 1_000)).toBe(true);
    expect(new Set(bodies().map(({ request }) => request)).size).toBe(1_000);
    expect(new Set(outcomes())).toEqual(new Set(["answered"]));
    const revisions = [...answers()]
      .filter(([request]) => request % 2 === 1)
      .map(([, answer]) => (answer.kind === "answered" ? answer.header.revision : 0));
    expect(new Set(revisions).size).toBe(500);
  });

  test("of one message are one batch of the log", ({ expect }) => {
    cluster.run(1_000);
    const before = leader().core.status().commit;
    send(...Array.from({ length: 100 }, (_, n) => ask(putOf(key(n)))));
    const callsBefore = cluster.calls.length;
    cluster.runUntil(() => bodies().length === 100);
    expect(leader().core.status().commit - before).toBe(100);
    expect(cluster.calls.length - callsBefore).toBeLessThan(20);
  });

  test("with the id of one that was applied have its answer, and change nothing", ({ expect }) => {
    const requestId = cluster.requestId();
    send(ask(putOf(key(1)), { requestId }));
    cluster.runUntil(() => bodies().length === 1);
    send(ask(putOf(key(1)), { requestId }));
    cluster.runUntil(() => bodies().length === 2);
    const [first, second] = [...answers().values()];
    expect(second).toEqual(first);
  });

  test("beyond the bound are turned away at once, and the rest is served", ({ expect }) => {
    send(...Array.from({ length: SESSION_REQUESTS_MAX + 7 }, (_, n) => ask(putOf(key(n)))));
    expect(outcomes()).toEqual(Array<string>(7).fill("tooManyRequests"));
    cluster.runUntil(() => bodies().length === SESSION_REQUESTS_MAX + 7);
    expect(outcomes().filter((one) => one === "answered")).toHaveLength(SESSION_REQUESTS_MAX);
  });

  test("that go on and on while answers are not taken end the session", ({ expect }) => {
    const flood = SESSION_REQUESTS_MAX + SESSION_TURNED_AWAY_MAX + 1;
    for (let n = 0; n < flood; n++) send(ask({ kind: "compact", revision: 1, physical: false }));
    expect(cluster.closes.get(SESSION)).toBe(CLOSE_RESUME);
  });

  test("of a number that is under way break the protocol", ({ expect }) => {
    const frame = ask(putOf(key(1)));
    send(frame, frame);
    expect(cluster.closes.get(SESSION)).toBe(CLOSE_PROTOCOL);
  });

  test("that this code does not know are answered so", ({ expect }) => {
    send({ kind: "request", request: 7, call: null, bytes: 3 });
    expect([...answers()]).toEqual([[7, { kind: "unsupported" }]]);
  });

  test("to a replica that does not lead are redirected", ({ expect }) => {
    const follower = cluster.nodes.find((node) => node !== leader())!;
    cluster.openSession(follower, 2, null, NOBODY);
    cluster.sendFrame(follower, 2, ask(putOf(key(1))));
    const { term } = leader().core.status();
    expect([...answers(2).values()]).toEqual([{ kind: "redirect", leader: leader().id, term }]);
  });

  test("of a session that has ended happen, and nobody hears of them", ({ expect }) => {
    send(ask(putOf(key(1))));
    leader().core.closeSession(SESSION);
    cluster.run(1_000);
    expect(bodies()).toEqual([]);
    const read = cluster.serve(get(key(1)));
    expect(read).toMatchObject({ answer: { answer: { count: 1 } } });
    expect(leader().core.needs.memory).toBe(false);
  });
});

describe("answers that are not taken", () => {
  const VALUE = new Uint8Array(300_000).fill(7);
  /** As many as exceed the credit by one. */
  const FILLING = Math.ceil(SESSION_ANSWER_CREDIT_BYTES / VALUE.length);

  beforeEach(() => {
    cluster = new VirtualCluster(3);
    begin();
    cluster.serve(put(key(1), VALUE));
  });

  test("stop the reads of their client, and cost no more than the credit and one", ({ expect }) => {
    send(...Array.from({ length: 200 }, () => ask(getOf(key(1)))));
    cluster.run(1_000);
    expect(bodies()).toHaveLength(FILLING);
    expect(cluster.closes.get(SESSION)).toBeUndefined();
    // Each answer that is taken makes room for another, until all are there.
    for (let from = 0; bodies().length < 200;) {
      const weight = weightOf(from);
      from = bodies().length;
      send({ kind: "taken", bytes: weight });
      cluster.run(10);
      expect(bodies().length - from).toBeGreaterThan(0);
      expect(bodies().length - from).toBeLessThanOrEqual(FILLING);
    }
    expect(new Set(outcomes())).toEqual(new Set(["answered"]));
  });

  test("stop its writes before they begin, and they do not happen long afterwards", ({
    expect,
  }) => {
    send(...Array.from({ length: FILLING }, () => ask(getOf(key(1)))));
    cluster.run(1_000);
    send(ask(putOf(key(2))));
    cluster.run(6_000);
    send({ kind: "taken", bytes: weightOf() });
    expect(outcomes().at(-1)).toBe("timeout");
    cluster.run(1_000);
    expect(cluster.serve(get(key(2)))).toMatchObject({ answer: { answer: { count: 0 } } });
  });

  test("stop no other session", ({ expect }) => {
    send(...Array.from({ length: 50 }, () => ask(getOf(key(1)))));
    cluster.run(1_000);
    cluster.openSession(leader(), 2, null, NOBODY);
    cluster.sendFrame(leader(), 2, ask(getOf(key(1))));
    cluster.run(100);
    expect(bodies(2)).toHaveLength(1);
  });

  test("count for nothing when more is said to be taken than was sent", ({ expect }) => {
    send({ kind: "taken", bytes: 1_000_000_000 });
    send(...Array.from({ length: 50 }, () => ask(getOf(key(1)))));
    cluster.run(1_000);
    expect(bodies()).toHaveLength(FILLING);
  });
});

describe("who a client is", () => {
  let ann: Credentials;
  const of = (credentials: Credentials | null, expiresAt: number | null = null) => ({
    credentials,
    expiresAt,
  });
  const watch = (more: object = {}): ReceiverFrame => ({
    kind: "watch",
    watch: 0,
    spec: watchOf(encodeUtf8("z")),
    ...more,
  });
  const heard = (): string[] =>
    (cluster.frames.get(SESSION) ?? []).map((frame) =>
      frame.kind === "delivery" ? frame.delivery.kind : frame.kind,
    );

  beforeEach(() => {
    cluster = beginWithAuth();
    ann = login(cluster, "ann");
  });

  test("was found out when the session was opened, and holds for each request", ({ expect }) => {
    begin(of(ann));
    send(ask(putOf(encodeUtf8("a"))), ask(putOf(encodeUtf8("z"))), watch());
    cluster.run(1_000);
    expect(outcomes().toSorted()).toEqual(["answered", "permissionDenied"]);
    expect(heard()).toContain("canceled");
  });

  test("is asked anew for each request", ({ expect }) => {
    begin(of(ann));
    administer(cluster, FORBID, login(cluster, "root"));
    send(ask(putOf(encodeUtf8("a"))));
    cluster.run(1_000);
    expect(outcomes()).toEqual(["permissionDenied"]);
  });

  test.for<[string, object]>([
    ["a user", { credentials: { kind: "user", name: "root", authRevision: 9 } }],
    ["a token", { credentials: { kind: "token", token: "abc.1" } }],
    ["nobody", { credentials: { kind: "none" }, isResumed: true }],
    [
      "root, of a watch that is resumed",
      { credentials: { kind: "user", name: "root", authRevision: 9 }, isResumed: true },
    ],
  ])("is not said in a frame: %s", ([, claim], { expect }) => {
    begin(of(ann));
    send(watch(claim));
    cluster.run(1_000);
    expect(cluster.closes.get(SESSION)).toBe(CLOSE_PROTOCOL);
    expect(heard()).toEqual([]);
  });

  test("is not known better because a frame calls its watch resumed", ({ expect }) => {
    begin(of(ann));
    send(watch({ isResumed: true }));
    cluster.run(1_000);
    expect(heard()).toEqual(["canceled"]);
  });

  test("ends when the credentials do, and the client comes again", ({ expect }) => {
    begin(of({ kind: "user", name: "ann", authRevision: 7 }, cluster.now + 60_000));
    cluster.run(59_000);
    send(ask(getOf(encodeUtf8("a"))));
    expect(cluster.closes.get(SESSION)).toBeUndefined();
    cluster.run(1_000);
    send(ask(getOf(encodeUtf8("a"))));
    expect(cluster.closes.get(SESSION)).toBe(CLOSE_RESUME);
  });

  test("is not known after a sleep by a token that was not kept: watches go on, no more", ({
    expect,
  }) => {
    begin(of(null));
    expect(cluster.closes.get(SESSION)).toBeUndefined();
    send({ kind: "progress" });
    expect(cluster.closes.get(SESSION)).toBeUndefined();
    send(ask(getOf(encodeUtf8("a"))));
    expect(cluster.closes.get(SESSION)).toBe(CLOSE_RESUME);
    expect(bodies()).toEqual([]);
  });
});

describe("a leader that is cut off from the others", () => {
  test("does not tell that a write has happened, and its client's repeat happens once", ({
    expect,
  }) => {
    cluster = new VirtualCluster(3);
    begin();
    const old = leader();
    old.isCut = true;
    const frames = Array.from({ length: 50 }, (_, n) => ask(putOf(key(n))));
    cluster.sendFrame(old, SESSION, ...frames);
    cluster.run(8_000);
    expect([...answers().values()].some(({ kind }) => kind === "answered")).toBe(false);
    expect(cluster.runUntil(() => cluster.leader() !== null, 20_000)).toBe(true);
    expect(leader()).not.toBe(old);
    cluster.openSession(leader(), 2, null, NOBODY);
    cluster.sendFrame(leader(), 2, ...frames);
    cluster.run(500);
    old.isCut = false;
    cluster.run(5_000);
    cluster.sendFrame(leader(), 2, ...frames);
    cluster.run(2_000);
    const kinds = new Set([...answers(2).values()].map(({ kind }) => kind));
    expect(kinds).toEqual(new Set(["answered"]));
    for (const { core } of cluster.nodes) expect(core.status().revision).toBe(51);
  });
});
