// Owns a client that reads and writes a few keys, one operation at a time, and compacts now and then.

import { rangeOfKey } from "../../../src/api/kv-json.ts";
import type { ClientAnswer, ClientRequest } from "../../../src/api/replica.ts";
import { encodeUtf8 } from "../../../src/base/bytes.ts";
import { prefixEnd } from "../../../src/base/interval.ts";
import type { KeyValue, RangeRequest, TxnRequest } from "../../../src/base/kv.ts";
import { asRevision, NO_LEASE } from "../../../src/base/types.ts";
import type { Action, Outcome } from "../../support/history.ts";
import type { Chance } from "../chance.ts";
import { must, type World } from "../world.ts";
import type { Book } from "./book.ts";
import type { Asker, Result } from "./router.ts";

/** What clients of this kind do, with how often, in a hundred. */
const OPERATIONS = {
  put: 28,
  get: 22,
  cas: 14,
  delete: 10,
  range: 5,
  serializable: 5,
  fresh: 8,
  past: 5,
  compact: 3,
} as const;

export type KvOperation = keyof typeof OPERATIONS;
export const KV_OPERATIONS = Object.keys(OPERATIONS) as KvOperation[];

const KEYS = ["k0", "k1", "k2", "k3"];
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8");

export interface ClientOptions {
  readonly router: Asker;
  readonly world: World;
  readonly book: Book;
  /** Names of operations that are not done. */
  readonly off: ReadonlySet<string>;
  readonly everyMs: number;
  /** Puts one value in each of these, whatever became of the one before; null: as it likes. */
  readonly putEveryMs: number | null;
}

export class KvClient {
  readonly #options: ClientOptions;
  readonly #chance: Chance;
  /** The mod revision of each key as last seen: what a compare expects. */
  readonly #seen = new Map<string, number>();
  #writes = 0;
  #isStopped = false;
  isIdle = true;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#chance = options.world.streams.stream(`kv ${options.router.client}`);
  }

  start(): void {
    const { world, everyMs, putEveryMs } = this.#options;
    if (putEveryMs !== null) return this.#putSteadily(putEveryMs);
    world.schedule.after(this.#chance.around(everyMs), () => {
      if (!this.#isStopped) this.#act();
    });
  }

  stop(): void {
    this.#isStopped = true;
  }

  #putSteadily(everyMs: number): void {
    const { router, world } = this.#options;
    if (this.#isStopped) return;
    const request = requestOf(this.#chance.pick(KEYS), { kind: "put", value: this.#value() });
    router.ask(request, (result) =>
      world.trace.note("put", router.client, Number(result.kind === "answered")),
    );
    world.schedule.after(everyMs, () => this.#putSteadily(everyMs));
  }

  #act(): void {
    const operation = this.#draw();
    const key = this.#chance.pick(KEYS);
    if (this.#options.off.has(operation)) return this.start();
    this.isIdle = false;
    switch (operation) {
      case "put":
        return this.#do(key, { kind: "put", value: this.#value() });
      case "get":
        return this.#do(key, { kind: "get" });
      case "delete":
        return this.#do(key, { kind: "delete" });
      case "cas": {
        const expected = this.#seen.get(key) ?? 0;
        return this.#do(key, { kind: "compareAndSet", expected, value: this.#value() });
      }
      case "range":
        return this.#readPrefix();
      case "serializable":
        return this.#readAnywhere(key);
      case "fresh":
        return this.#readFresh(key);
      case "past":
        return this.#readPast();
      case "compact":
        return this.#compact();
      default:
        operation satisfies never;
    }
  }

  #draw(): KvOperation {
    let place = this.#chance.between(0, 100);
    for (const name of KV_OPERATIONS) {
      place -= OPERATIONS[name];
      if (place < 0) return name;
    }
    return "get";
  }

  #value(): string {
    return `${this.#options.router.client}:${++this.#writes}`;
  }

  /** One operation that the history has. */
  #do(key: string, action: Action): void {
    const { router, world, book } = this.#options;
    const call = world.schedule.now;
    const { floor } = book;
    router.ask(requestOf(key, action), (result) => {
      const outcome = outcomeOf(action, result);
      if (outcome.kind === "ok") {
        const modRevision = outcome.wrote ? outcome.revision : outcome.found?.modRevision;
        this.#seen.set(key, action.kind === "delete" ? 0 : (modRevision ?? 0));
      }
      const returned = outcome.kind === "unknown" ? Infinity : world.schedule.now;
      world.trace.note("answer", router.client, outcome.kind === "ok" ? outcome.revision : 0);
      world.mark(`${action.kind} ${outcome.kind}`);
      const operation = { client: router.client, key, action, outcome, call, return: returned };
      book.record(operation, floor);
      this.#rest();
    });
  }

  #readPrefix(): void {
    const { router, book } = this.#options;
    const { floor } = book;
    router.ask(rangeRequest(prefixRange("k"), false), (result) => {
      this.#found(result, { prefix: "k", isPrefix: true, floor });
      this.#rest();
    });
  }

  #readAnywhere(key: string): void {
    const { router } = this.#options;
    const request = rangeRequest(rangeOfKey(encodeUtf8(key)), true);
    router.askAnyone(request, undefined, (result) => {
      this.#found(result, { prefix: key, isPrefix: false, floor: 0 });
      this.#rest();
    });
  }

  /** Reads anywhere, and is content with a revision that it knows or with some age. */
  #readFresh(key: string): void {
    const { router, book, world } = this.#options;
    const isByRevision = this.#chance.next() < 0.5;
    const maxStalenessMs = this.#chance.pick([0, 100, 2_000]);
    const minRevision = isByRevision ? asRevision(book.floor) : null;
    const freshness = { minRevision, maxStalenessMs: isByRevision ? null : maxStalenessMs };
    // How old is too old is told by one machine's clock, which may run slow or stand.
    const slackMs = maxStalenessMs * world.faults.clockDrift * 2 + 1;
    const isClockSound = world.faults.clockFreezeEveryMs + world.faults.clockStepEveryMs === 0;
    const asOf = world.schedule.now - maxStalenessMs - slackMs;
    const known = isByRevision ? book.floor : isClockSound ? book.floorAt(asOf) : 0;
    const request = rangeRequest(rangeOfKey(encodeUtf8(key)), false);
    router.askAnyone(request, freshness, (result) => {
      if (result.kind === "answered") {
        world.mark(isByRevision ? "read at a revision" : "read of an age");
        const { revision } = result;
        must(revision >= known, `a read shows ${revision}, and ${known} is asked for`);
      }
      this.#found(result, { prefix: key, isPrefix: false, floor: 0 });
      this.#rest();
    });
  }

  /** Reads as of an earlier revision: as it was, or refused when that is compacted. */
  #readPast(): void {
    const { router, book } = this.#options;
    const revision = Math.max(book.floor - this.#chance.between(0, 12), 1);
    const { compacted, compactionAsked } = book;
    const request = rangeRequest({ ...prefixRange("k"), revision }, false);
    router.ask(request, (result) => {
      if (result.kind === "answered") {
        must(
          revision >= compacted,
          `revision ${revision} is read though ${compacted} is compacted`,
        );
        const { kvs } = rangeAnswer(result.answer);
        book.found({ client: router.client, prefix: "k", isPrefix: true, revision, kvs });
      } else if (result.kind === "refused") {
        const mayBe = result.refusal === "compacted" && book.compactionAsked > revision;
        must(mayBe, `a read of ${revision} is refused: ${result.refusal} (${compactionAsked})`);
        this.#options.world.mark("compacted read refused");
      }
      this.#rest();
    });
  }

  #compact(): void {
    const { router, book, world } = this.#options;
    const revision = book.floor - this.#chance.between(0, 6);
    if (revision < 1) return this.#rest();
    book.compactionAsked = Math.max(book.compactionAsked, revision);
    const physical = this.#chance.next() < 0.3;
    router.ask({ kind: "compact", revision, physical }, (result) => {
      if (result.kind === "answered") {
        world.mark("compacted");
        book.compacted = Math.max(book.compacted, revision);
      }
      this.#rest();
    });
  }

  #found(result: Result, asked: { prefix: string; isPrefix: boolean; floor: number }): void {
    const { router, book, world } = this.#options;
    if (result.kind !== "answered") return;
    const { floor, ...what } = asked;
    const { revision } = result;
    must(revision >= floor, `a read shows revision ${revision} after ${floor} was shown`);
    if (floor > 0) book.shows(revision, world.schedule.now);
    const { kvs } = rangeAnswer(result.answer);
    book.found({ client: router.client, ...what, revision, kvs });
  }

  #rest(): void {
    this.isIdle = true;
    this.start();
  }
}

const rangeRequest = (request: RangeRequest, serializable: boolean): ClientRequest => ({
  kind: "range",
  serializable,
  request,
});

const prefixRange = (prefix: string): RangeRequest => {
  const key = encodeUtf8(prefix);
  return { ...rangeOfKey(key), rangeEnd: prefixEnd(key) };
};

function rangeAnswer(answer: ClientAnswer): { readonly kvs: readonly KeyValue[] } {
  must(answer.kind === "range", `a range is answered, not a ${answer.kind}`);
  return answer.answer;
}

function requestOf(key: string, action: Action): ClientRequest {
  const name = encodeUtf8(key);
  const { kind } = action;
  const put = (value: string) => ({
    key: name,
    value: encodeUtf8(value),
    lease: NO_LEASE,
    prevKv: true,
    ignoreValue: false,
    ignoreLease: false,
  });
  switch (kind) {
    case "get":
      return rangeRequest(rangeOfKey(name), false);
    case "put":
      return { kind, request: put(action.value) };
    case "delete":
      return {
        kind: "deleteRange",
        request: { key: name, rangeEnd: encodeUtf8(""), prevKv: true },
      };
    case "compareAndSet": {
      const { expected } = action;
      const compare = { key: name, rangeEnd: encodeUtf8(""), result: "equal" } as const;
      const request: TxnRequest = {
        compare: [{ ...compare, target: "mod", operand: expected }],
        success: [{ kind: "put", request: put(action.value) }],
        failure: [{ kind: "range", request: rangeOfKey(name) }],
      };
      return { kind: "txn", request };
    }
    default:
      return kind satisfies never;
  }
}

const versionOf = (kv: KeyValue | null | undefined) =>
  kv === null || kv === undefined
    ? null
    : { value: text(kv.value), modRevision: kv.modRevision as number };

/** The answer in the words of a history. */
function outcomeOf(action: Action, result: Result): Outcome {
  if (result.kind === "unknown") return { kind: "unknown" };
  if (result.kind !== "answered") return { kind: "failed" };
  const { answer, revision } = result;
  switch (answer.kind) {
    case "range": {
      const found = versionOf(answer.answer.kvs[0]);
      return { kind: "ok", revision, wrote: false, found };
    }
    case "put":
      return { kind: "ok", revision, wrote: true, found: versionOf(answer.answer.prevKv) };
    case "deleteRange": {
      const found = versionOf(answer.answer.prevKvs[0]);
      return { kind: "ok", revision, wrote: answer.answer.deleted > 0, found };
    }
    case "txn": {
      const { succeeded, responses } = answer.answer;
      if (succeeded) return { kind: "ok", revision, wrote: true };
      const [first] = responses;
      must(first?.kind === "range", `${action.kind}: the branch that was taken reads`);
      return { kind: "ok", revision, wrote: false, found: versionOf(first.answer.kvs[0]) };
    }
    default:
      throw new Error(`${action.kind} is not answered with ${answer.kind}`);
  }
}
