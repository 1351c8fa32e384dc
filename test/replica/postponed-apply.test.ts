// What a follower does first when an append tells of many commits: its leader waits for the answer.

import { beforeEach, describe, test } from "vitest";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import { APPLIED_BEFORE_ANSWER_MAX } from "../../src/base/limits.ts";
import { asMilliseconds } from "../../src/base/types.ts";
import type { Message } from "../../src/raft/types.ts";
import type { ReplicaCore } from "../../src/replica/core.ts";
import { get, put } from "../support/requests.ts";
import { VirtualCluster } from "../support/virtual-cluster.ts";

const key = encodeUtf8;
/** The first of them goes ahead, and the others tell that it is committed. */
const MANY = APPLIED_BEFORE_ANSWER_MAX + 2;

let cluster: VirtualCluster;
let follower: ReplicaCore;

beforeEach(() => {
  cluster = new VirtualCluster(3);
  cluster.serve(put(key("a"), key("1")));
  cluster.run(150);
  follower = cluster.nodes.find((node) => node !== cluster.leader())!.core;
});

const now = () => asMilliseconds(cluster.now);

/** Has the follower store `count` more entries, and returns what then tells it of their commit. */
function stored(count: number): Message {
  const leader = cluster.leader()!.core;
  const { term, commit } = leader.status();
  const own = { from: cluster.leader()!.id, to: follower.status().memberId, term };
  const entries = Array.from({ length: count }, (_, n) => n);
  for (const n of entries) cluster.ask(cluster.leader()!, put(key(`k${n}`), key("v")));
  cluster.runUntil(() => leader.status().commit === commit + count);
  const incarnation = cluster.leader()!.incarnation;
  const at = { previousIndex: commit + count, previousTerm: term, commit: commit + count };
  return { kind: "append", ...own, incarnation, ...at, entries: [] } as unknown as Message;
}

describe("an append that tells a follower of many commits", () => {
  test("is answered before they are applied, at once after that", ({ expect }) => {
    const news = stored(MANY);
    const { revision } = follower.status();
    const answers = follower.peer([news], now());
    expect(answers).toMatchObject([{ kind: "appendAnswer", rejected: null }]);
    expect(follower.status().revision).toBe(revision);
    expect(follower.deadline()).toBeLessThanOrEqual(cluster.now);
    follower.tick(now());
    expect(follower.status().revision).toBe(cluster.leader()!.core.status().revision);
    expect(follower.deadline()).toBeGreaterThan(cluster.now);
  });

  test("is applied before whatever comes next: a read, for one", ({ expect }) => {
    const news = stored(MANY);
    follower.peer([news], now());
    const range = { ...get(key("k0")), serializable: true } as ReturnType<typeof get>;
    const call = { request: range, requestId: cluster.requestId(), trace: "", timeoutMs: 1_000 };
    follower.calls([[1, call]], now());
    expect(follower.takeEffects().answers).toMatchObject([
      { call: 1, answer: { kind: "answered", answer: { answer: { count: 1 } } } },
    ]);
  });

  test("is applied first when they are few", ({ expect }) => {
    const news = stored(1);
    const { revision } = follower.status();
    follower.peer([news], now());
    expect(follower.status().revision).toBe(revision + 1);
  });
});
