// Gathering: which calls travel together, and that none of them notices. Time is played.

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { rangeOfKey } from "../../src/api/kv-json.ts";
import type { ClientRequest, ReplicaCall } from "../../src/api/replica.ts";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import type { PutRequest, TxnRequest } from "../../src/base/kv.ts";
import { NO_LEASE, type Bytes } from "../../src/base/types.ts";
import { GatheredCalls } from "../../src/http/gathered-calls.ts";
import { PLATFORM, type Platform } from "../../src/http/platform.ts";
import { answerTogether, bytesOfAnswers } from "../support/gathered-answers.ts";
import {
  breaks,
  FakeNetwork,
  hangs,
  leads,
  slowly,
  type Behaviour,
} from "./support/fake-network.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const CONTACT = { region: "wnam", generation: 1, jurisdiction: null, id: null };
const WORK_MS = 20;

const key = encodeUtf8("k");
const range = rangeOfKey(key);
const put: PutRequest = {
  key,
  value: key,
  lease: NO_LEASE,
  prevKv: false,
  ignoreValue: false,
  ignoreLease: false,
};
const READ: ClientRequest = { kind: "range", request: range, serializable: false };
const WRITE: ClientRequest = { kind: "put", request: put };
const txnOf = (given: Partial<TxnRequest>): ClientRequest => ({
  kind: "txn",
  request: { compare: [], success: [], failure: [], ...given },
});

const callOf = (request: ClientRequest): ReplicaCall => ({
  request,
  requestId: PLATFORM.random(16),
  trace: "",
  timeoutMs: 5_000,
});

function world(behaviour: Behaviour, platform: Partial<Platform> = {}) {
  const network = new FakeNetwork({ wnam: behaviour });
  const calls = new GatheredCalls({ ...PLATFORM, ...platform, network });
  /** How each ended: the kind of its answer, or what was thrown. */
  const ends: string[] = [];
  const ask = (count: number, request: ClientRequest = WRITE, contact = CONTACT): void => {
    for (let n = 0; n < count; n++) {
      const answered = calls.serve("default", contact, callOf(request));
      void answered.then(
        ({ kind }) => ends.push(kind),
        (error: Error) => ends.push(error.message),
      );
    }
  };
  const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
  return { network, calls, ends, ask, pass };
}

const busy = () => world(slowly(WORK_MS, leads("wnam")));

describe("calls to one replica", () => {
  test("go at once when none is under way, with what else the turn asks", async () => {
    const { network, ask, ends, pass } = busy();
    ask(1);
    await pass(0);
    expect(network.gathered).toEqual([1]);
    await pass(WORK_MS);
    ask(5);
    await pass(0);
    expect(network.gathered).toEqual([1, 5]);
    await pass(WORK_MS);
    expect(ends).toEqual(Array.from({ length: 6 }, () => "answered"));
  });

  test("are gathered also when many were answered a moment ago, for they come again", async () => {
    const { network, ask, pass } = busy();
    ask(5);
    await pass(WORK_MS + 1);
    ask(1);
    await pass(1);
    ask(4);
    expect(network.gathered).toEqual([5]);
    await pass(2);
    expect(network.gathered).toEqual([5, 5]);
    await pass(WORK_MS + 4);
    ask(1);
    await pass(0);
    expect(network.gathered).toEqual([5, 5, 1]);
  });

  test("are gathered for 3 ms while one is under way", async () => {
    const { network, ask, ends, pass } = busy();
    ask(1);
    for (let n = 0; n < 3; n++) {
      await pass(1);
      ask(1);
    }
    expect(network.gathered).toEqual([1]);
    await pass(1);
    expect(network.gathered).toEqual([1, 3]);
    await pass(WORK_MS);
    expect(ends).toHaveLength(4);
  });

  test("go before their time when they are many", async () => {
    const { network, ask, pass } = busy();
    ask(1);
    await pass(0);
    ask(300);
    expect(network.gathered).toEqual([1, 128, 128]);
    await pass(3);
    expect(network.gathered).toEqual([1, 128, 128, 44]);
  });

  test("go before their time when they are long", async () => {
    const { network, ask, pass } = busy();
    ask(1);
    await pass(0);
    ask(20, { kind: "put", request: { ...put, value: new Uint8Array(16_384) } });
    expect(network.gathered).toEqual([1, 16]);
  });

  test("wait for none of another kind, and none to another replica", async () => {
    const { network, ask, pass } = world((call) =>
      call.request.kind === "put" ? hangs(call) : leads("wnam")(call),
    );
    ask(1, WRITE);
    ask(1, READ);
    ask(1, { ...READ, serializable: true });
    ask(1, WRITE, { ...CONTACT, generation: 2 });
    ask(1, WRITE, { ...CONTACT, jurisdiction: "eu" } as never);
    await pass(0);
    expect(network.gathered).toEqual([1, 1, 1, 1, 1]);
  });

  test("are each answered with their own answer", async () => {
    const { calls, pass } = world(({ request }) => ({
      kind: "answered",
      header: { clusterId: 9n, memberId: 1n, revision: 7, term: 1 } as never,
      answer: {
        kind: "range",
        answer: { kvs: [], more: false, count: (request as typeof READ).request.key[0]! },
      } as never,
    }));
    const ask = (first: number) =>
      calls.serve(
        "default",
        CONTACT,
        callOf({ ...READ, request: rangeOfKey(Uint8Array.of(first)) }),
      );
    const answers = Promise.all([5, 6, 7].map(ask));
    await pass(3);
    expect((await answers).map((each) => (each as never as Counted).answer.answer.count)).toEqual([
      5, 6, 7,
    ]);
  });
});

interface Counted {
  readonly answer: { readonly answer: { readonly count: number } };
}

describe("what goes alone", () => {
  const many = { ...range, rangeEnd: Uint8Array.of(0) };
  const alone: Record<string, ClientRequest> = {
    "a list": { ...READ, request: many },
    "a count, and so the question whether a replica is there": {
      ...READ,
      request: { ...range, countOnly: true },
    },
    "a long value": { kind: "put", request: { ...put, value: new Uint8Array(16_385) } },
    "a deletion of many keys": {
      kind: "deleteRange",
      request: { key, rangeEnd: Uint8Array.of(0), prevKv: false },
    },
    "a transaction that lists": txnOf({ success: [{ kind: "range", request: many }] }),
    "a transaction that reads": txnOf({ success: [{ kind: "range", request: range }] }),
    "a transaction that compares many keys": txnOf({
      compare: [
        { key, rangeEnd: Uint8Array.of(0), result: "equal", target: "version", operand: 0 },
      ],
      success: [{ kind: "put", request: put }],
    }),
    "a transaction within one": txnOf({
      success: [
        { kind: "put", request: put },
        { kind: "txn", request: { compare: [], success: [], failure: [] } },
      ],
    }),
    "a transaction of many operations": txnOf({
      success: Array.from({ length: 17 }, () => ({ kind: "put" as const, request: put })),
    }),
    "a compaction": { kind: "compact", revision: 1, physical: false },
    "a question about members": { kind: "memberList", linearizable: true },
  };

  test.for(Object.entries(alone))("%s", async ([, request]) => {
    const { network, ask, pass } = busy();
    ask(2, request);
    await pass(WORK_MS);
    expect([network.gathered, network.calls.length]).toEqual([[], 2]);
  });

  test("a read that says how fresh it must be", async () => {
    const { network, calls, pass } = busy();
    const freshness = { minRevision: null, maxStalenessMs: 10 };
    void calls.serve("default", CONTACT, { ...callOf(READ), freshness });
    await pass(0);
    expect([network.gathered, network.calls.length]).toEqual([[], 1]);
  });
});

describe("a gathered call that fails", () => {
  test("fails each of its calls as it would have failed alone", async () => {
    const { ask, ends, pass } = world(breaks);
    ask(3);
    await pass(0);
    expect(ends).toEqual(Array.from({ length: 3 }, () => "Network connection lost."));
  });

  test("tells each that the object is overloaded", async () => {
    const { network, calls } = world(leads("wnam"));
    const overloaded = Object.assign(new Error("Too many requests queued"), { overloaded: true });
    network.serveAll = () => Promise.reject(overloaded);
    const asked = [1, 2].map(() => calls.serve("default", CONTACT, callOf(WRITE)));
    const ended = await Promise.allSettled(asked);
    expect(ended.map((end) => (end as PromiseRejectedResult).reason)).toEqual([
      overloaded,
      overloaded,
    ]);
  });

  test("fails one alone that has thrown within", async () => {
    const { network, ask, ends, pass } = world(leads("wnam"));
    network.serveAll = (bytes, serve) =>
      answerTogether(bytes, serve, { nth: 1, instead: { kind: "threw" } });
    ask(3);
    await pass(0);
    expect(ends.toSorted()).toEqual(["answered", "answered", "the call has thrown"]);
  });

  test("leaves those that come after it alone", async () => {
    const { network, ask, ends, pass } = world(leads("wnam"));
    const { serveAll } = network;
    network.serveAll = () => Promise.reject(new Error("Network connection lost."));
    ask(1);
    await pass(0);
    network.serveAll = serveAll;
    ask(2);
    await pass(0);
    expect(ends).toEqual(["Network connection lost.", "answered", "answered"]);
    expect(network.gathered).toEqual([1, 2]);
  });
});

describe("an object of another version of the code", () => {
  const unknown = new TypeError('The RPC receiver does not implement the method "serveAll".');
  const versions: Record<string, () => Promise<Bytes | null>> = {
    "that knows no gathered calls": () => Promise.reject(unknown),
    "that does not understand them": () => Promise.resolve(null),
  };

  test.for(Object.entries(versions))("%s is asked one by one", async ([, serveAll]) => {
    const { network, ask, ends, pass } = world(leads("wnam"));
    network.serveAll = serveAll as never;
    ask(3);
    await pass(0);
    expect([ends.length, network.calls.length]).toEqual([3, 3]);
    ask(2);
    await pass(0);
    expect([ends.length, network.gathered]).toEqual([5, [3]]);
    await pass(30_000);
    ask(2);
    await pass(0);
    expect(ends).toEqual(Array.from({ length: 7 }, () => "answered"));
    expect(network.gathered).toEqual([3, 2]);
  });
});

describe("a request that the platform drops", () => {
  test("is survived by the calls that it carries: it asks for that before it waits", async () => {
    const works: Promise<unknown>[] = [];
    const { ask, pass } = world(slowly(WORK_MS, leads("wnam")), {
      outlive: (work) => void works.push(work),
    });
    ask(1);
    expect(works).toHaveLength(1);
    await pass(0);
    ask(2);
    expect(works).toHaveLength(2);
    // Whoever has filled one carries it.
    ask(126);
    expect(works).toHaveLength(3);
  });

  test("while it gathers, holds up the others until the next comes", async () => {
    const state = { drops: false };
    const timer: Platform["timer"] = (ms) =>
      state.drops
        ? { over: Promise.withResolvers<never>().promise, stop: () => undefined }
        : PLATFORM.timer(ms);
    const { network, ask, ends, pass } = world(slowly(WORK_MS, leads("wnam")), { timer });
    ask(1);
    await pass(0);
    state.drops = true;
    ask(3);
    state.drops = false;
    await pass(101);
    expect(network.gathered).toEqual([1]);
    ask(1);
    await pass(WORK_MS);
    expect(network.gathered).toEqual([1, 4]);
    expect(ends).toHaveLength(5);
  });
});

test("a read whose answer would be too long among the others is asked alone", async () => {
  const { network, ask, ends, pass } = world(leads("wnam"));
  network.serveAll = (bytes, serve) =>
    answerTogether(bytes, serve, { nth: 1, instead: { kind: "tooLong" } });
  ask(3, READ);
  await pass(0);
  expect([network.gathered, ends]).toEqual([[3], ["answered", "answered", "answered"]]);
  // Two of them together, and the third by itself.
  expect(network.calls).toHaveLength(3);
});

test("a call that has no bytes spoils none of the others", async () => {
  const { network, calls, ask, ends, pass } = world(leads("wnam"));
  ask(1);
  const call = { ...callOf(WRITE), timeoutMs: 0.5 };
  expect(() => calls.serve("default", CONTACT, call)).toThrow("safe integer");
  ask(1);
  await pass(0);
  expect([network.gathered, ends]).toEqual([[2], ["answered", "answered"]]);
});

test("a call that is never heard of holds up nobody for longer than 10 s", async () => {
  const { network, ask, pass } = world(hangs);
  ask(1);
  await pass(9_999);
  ask(1);
  await pass(0);
  expect(network.gathered).toEqual([1]);
  await pass(3);
  expect(network.gathered).toEqual([1, 1]);
  await pass(10_000);
  ask(1);
  await pass(0);
  expect(network.gathered).toEqual([1, 1, 1]);
});

test("what a call returns as a stream is read to its end", async () => {
  const { network, ask, ends, pass } = world(leads("wnam"));
  network.serveAll = async (bytes, serve) =>
    new Response(await answerTogether(bytes, serve)).body as never;
  ask(2);
  await pass(3);
  await vi.waitFor(() => expect(ends).toEqual(["answered", "answered"]));
});

test("answers that do not tell to whom they belong break all calls", async () => {
  const { network, ask, ends, pass } = world(leads("wnam"));
  network.serveAll = () => Promise.resolve(bytesOfAnswers([{ kind: "timeout" }]));
  ask(2);
  await pass(0);
  const broken = "each gathered call has its answer";
  expect(ends).toEqual([expect.stringContaining(broken), expect.stringContaining(broken)]);
});
