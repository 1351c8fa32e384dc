// One watch stream and the sessions that it shares with others: it never keeps what its client does not
// take, and tells everything once. Method: a played store with a history, which delivers at once.

import { describe, test } from "vitest";
import { Backlog } from "../../src/bridge/answer-queue.ts";
import { STREAM_BYTES_MAX } from "../../src/bridge/bounds.ts";
import type { Message } from "../../src/bridge/upstream.ts";
import { WatchCall } from "../../src/bridge/watch-call.ts";
import type { Seat, Seats, Sitter } from "../../src/bridge/watch-seats.ts";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import { asClusterId, asMemberId, asRevision, asTerm, NO_LEASE } from "../../src/base/types.ts";
import type { WatchDelivery, WatchSpec } from "../../src/base/watch.ts";

const VALUE = new Uint8Array(524_288);
const TURN = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

interface Sitting {
  readonly sitter: Sitter;
  next: number;
}

/** A store of one key; each revision puts it. */
class PlayedStore implements Seats {
  readonly sitting = new Set<Sitting>();
  /** Reports of progress that are awaited. */
  readonly asked = new Set<() => void>();
  revision = 1;
  compactRevision = 0;
  seated = 0;

  seat({ startRevision }: WatchSpec, sitter: Sitter): Seat {
    const sitting: Sitting = { sitter, next: startRevision || this.revision + 1 };
    this.sitting.add(sitting);
    this.seated++;
    queueMicrotask(() => {
      this.#say(sitting, { kind: "created", watch: 1, revision: asRevision(this.revision) });
      this.#feed(sitting);
    });
    const session = {
      downSince: null,
      askProgress: (heard: (header: ReturnType<typeof headerOf>) => void) => {
        const answer = (): void => heard(headerOf(this.revision));
        this.asked.add(answer);
        return () => this.asked.delete(answer);
      },
    };
    return { session, cancel: () => this.#cancel(sitting) };
  }

  put(): void {
    this.revision++;
    for (const sitting of this.sitting) this.#feed(sitting);
  }

  report(): void {
    for (const answer of this.asked) answer();
  }

  #cancel(sitting: Sitting): void {
    const revision = asRevision(this.revision);
    queueMicrotask(() => {
      this.#say(sitting, { kind: "canceled", watch: 1, revision, cause: { kind: "asked" } });
      this.sitting.delete(sitting);
    });
  }

  #feed(sitting: Sitting): void {
    const revision = asRevision(this.revision);
    if (sitting.next <= this.compactRevision) {
      const compactRevision = asRevision(this.compactRevision);
      const cause = { kind: "compacted", compactRevision } as const;
      this.#say(sitting, { kind: "canceled", watch: 1, revision, cause });
      this.sitting.delete(sitting);
    }
    for (; this.sitting.has(sitting) && sitting.next <= this.revision; sitting.next++) {
      const events = [{ kind: "put", kv: versionAt(sitting.next), prevKv: null }] as const;
      this.#say(sitting, { kind: "events", watch: 1, revision, events, partial: false });
    }
  }

  #say(sitting: Sitting, delivery: WatchDelivery): void {
    if (this.sitting.has(sitting)) sitting.sitter.hear(delivery, headerOf(this.revision));
  }
}

const headerOf = (revision: number) => ({
  clusterId: asClusterId(1n),
  memberId: asMemberId(1n),
  revision: asRevision(revision),
  term: asTerm(1),
});

const versionAt = (revision: number) => ({
  key: encodeUtf8("k"),
  value: VALUE,
  createRevision: asRevision(2),
  modRevision: asRevision(revision),
  version: revision - 1,
  lease: NO_LEASE,
});

function begin() {
  const store = new PlayedStore();
  const backlog = new Backlog();
  const over = new AbortController();
  const context = {
    token: null,
    authorization: null,
    idempotencyKey: null,
    needsLeader: false,
    timeoutMs: null,
  };
  const call = new WatchCall(store, backlog, { ...context, signal: over.signal });
  const answers = call.answers[Symbol.asyncIterator]();
  const next = async (): Promise<Message> => (await answers.next()).value as Message;
  return { store, backlog, call, next, over };
}

const revisionsOf = (message: Message): number[] =>
  ((message["events"] ?? []) as readonly { kv: { mod_revision: string } }[]).map(({ kv }) =>
    Number(kv.mod_revision),
  );

const CREATE = { create_request: { key: "aw==" } };
const PUTS = 100;

/** A stream whose client was told of its watch, and has read nothing for fifty megabytes. */
async function lagging() {
  const stream = begin();
  await stream.call.send(CREATE);
  await stream.next();
  for (let n = 0; n < PUTS; n++) {
    stream.store.put();
    await TURN();
  }
  return stream;
}

describe("a client that takes nothing", () => {
  test("costs a bounded amount of memory, and no seat", async ({ expect }) => {
    const { store, backlog } = await lagging();
    expect(backlog.bytes).toBeLessThan(STREAM_BYTES_MAX + 2 * VALUE.length);
    expect(store.sitting.size).toBe(0);
  });

  test("is told all, once and in order, when it reads again", async ({ expect }) => {
    const { store, next } = await lagging();
    const seen: number[] = [];
    while (seen.length < PUTS) seen.push(...revisionsOf(await next()));
    expect(seen).toEqual(Array.from({ length: PUTS }, (_, n) => n + 2));
    // More than once it was let go, and taken up.
    expect(store.seated).toBeGreaterThan(5);
    store.put();
    expect(revisionsOf(await next())).toEqual([PUTS + 2]);
  });

  test("hears of the compaction that has overtaken it", async ({ expect }) => {
    const { store, next } = await lagging();
    store.compactRevision = 60;
    let last: Message = {};
    const seen: number[] = [];
    while (last["canceled"] !== true) {
      last = await next();
      seen.push(...revisionsOf(last));
    }
    expect(seen).toEqual(seen.map((_, n) => n + 2));
    expect(last).toMatchObject({ compact_revision: "60" });
  });

  test("sends requests in vain until it reads", async ({ expect }) => {
    const { call, next } = await lagging();
    let isTaken = false;
    const sent = call.send(CREATE).then(() => (isTaken = true));
    await TURN();
    expect(isTaken).toBe(false);
    for (let n = 0; n < 6; n++) await next();
    await sent;
  });

  test("that leaves costs nothing any more", async ({ expect }) => {
    const { backlog, over } = await lagging();
    over.abort();
    expect(backlog.bytes).toBe(0);
  });
});

describe("progress", () => {
  test("is reported when all sessions have reported", async ({ expect }) => {
    const { store, call, next } = begin();
    await call.send(CREATE);
    await call.send(CREATE);
    await next();
    await next();
    await call.send({ progress_request: {} });
    expect(store.asked.size).toBe(2);
    store.report();
    expect(await next()).toMatchObject({ watch_id: "-1", header: { revision: "1" } });
  });

  test("is not reported of a watch that has fallen behind since it was asked", async ({
    expect,
  }) => {
    const { store, call, next } = begin();
    await call.send(CREATE);
    await next();
    await call.send({ progress_request: {} });
    for (let n = 0; n < 20; n++) store.put();
    store.report();
    const said: Message[] = [];
    for (let n = 0; n < 20; n++) said.push(await next());
    expect(said.filter(({ watch_id: id }) => id === "-1")).toEqual([]);
  });

  test("is not reported of a watch that was created since it was asked, and may be behind", async ({
    expect,
  }) => {
    const { store, call, next } = begin();
    await call.send(CREATE);
    await next();
    await call.send({ progress_request: {} });
    const [before] = store.asked;
    await call.send(CREATE);
    expect(await next()).toMatchObject({ watch_id: "1", created: true });
    before!();
    expect(store.asked.size).toBe(3);
    store.put();
    store.report();
    const said = [await next(), await next(), await next()].map(({ watch_id: id }) => id);
    expect(said.filter((id) => id === "-1")).toHaveLength(1);
    expect(said.at(-1)).toBe("-1");
  });
});

test("a watch that its client cancels while it is let go ends at once", async ({ expect }) => {
  const { store, call, next } = await lagging();
  const { seated } = store;
  const canceled = call.send({ cancel_request: { watch_id: "0" } });
  let last: Message = {};
  while (last["canceled"] !== true) last = await next();
  await canceled;
  // It was never taken up again to its end.
  expect([last["watch_id"], last["cancel_reason"]]).toEqual([undefined, undefined]);
  expect(store.seated).toBeLessThan(seated + 3);
  expect(store.sitting.size).toBe(0);
});
