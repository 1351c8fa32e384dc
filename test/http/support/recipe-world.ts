// Owns a played cluster for recipes: a real store, and callers whose requests, answers and events
// come when a test says so, in whatever order.

import type { ClientAnswer, ClientRequest, Header } from "../../../src/api/replica.ts";
import { recipeRefusal } from "../../../src/api/recipe-error.ts";
import { bytesKey } from "../../../src/base/bytes.ts";
import { containsKey, intervalOf } from "../../../src/base/interval.ts";
import type { RangeAnswer, RangeRequest, RevisionEvents } from "../../../src/base/kv.ts";
import type { Result } from "../../../src/base/result.ts";
import type { Refusal } from "../../../src/base/refusal.ts";
import { asLeaseId, NO_LEASE, type LeaseId } from "../../../src/base/types.ts";
import type { WatchSpec } from "../../../src/base/watch.ts";
import type { EventBatch, RecipeStore } from "../../../src/http/recipes/store.ts";
import { RequestError } from "../../../src/http/response.ts";
import { TestStore } from "../../mvcc/fixture.ts";
import { headerOf } from "./fake-network.ts";
import { settle } from "./fake-session.ts";

/** The store, and what is on the way to it and from it. */
export class RecipeWorld {
  readonly kv = new TestStore();
  readonly history: RevisionEvents[] = [];
  /** What waits for its turn. */
  readonly #turns: (() => void)[] = [];
  /** Watches that wait for news. */
  #listeners: (() => void)[] = [];
  /** Rises when all watches are lost. */
  losses = 0;
  isInstant = false;

  /** How much is on the way. */
  get turns(): number {
    return this.#turns.length;
  }

  turn(): Promise<void> {
    if (this.isInstant) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#turns.push(resolve);
    return promise;
  }

  /** Lets one of what is on the way arrive. */
  async release(number: number): Promise<void> {
    this.#turns.splice(number % this.#turns.length, 1)[0]?.();
    await settle();
  }

  news(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#listeners.push(resolve);
    return promise;
  }

  tell(): void {
    for (const listener of this.#listeners.splice(0)) listener();
  }

  /** No watch can be resumed: those who wait have to read again. */
  loseWatches(): void {
    this.losses++;
    this.tell();
  }

  grant(id: LeaseId): LeaseId {
    this.kv.leases.add(id);
    return id;
  }

  expire(id: LeaseId): void {
    this.kv.leases.delete(id);
    this.write((store) => store.deleteKeysOfLease(id));
  }

  write<T>(body: (store: TestStore["store"]) => T): T {
    const { value, changes } = this.kv.batch(body);
    this.history.push(...changes);
    if (changes.length > 0) this.tell();
    return value;
  }

  header(): Header {
    return headerOf("wnam", 1, this.kv.store.revision);
  }

  /** Performs a request at once. */
  perform(request: ClientRequest): Result<ClientAnswer, Refusal> {
    switch (request.kind) {
      case "range":
        return answered("range", this.kv.store.range(request.request));
      case "txn":
        return answered(
          "txn",
          this.write((store) => store.txn(request.request, this.kv.leasePort)),
        );
      case "put":
        return answered(
          "put",
          this.write((store) => store.put(request.request, this.kv.leasePort)),
        );
      case "deleteRange":
        return answered(
          "deleteRange",
          this.write((store) => store.deleteRange(request.request)),
        );
      case "leaseGrant": {
        const id = this.grant(request.id === NO_LEASE ? asLeaseId(777n) : request.id);
        const answer = { id, ttlSeconds: request.ttlSeconds };
        return { ok: true, value: { kind: "leaseGrant", answer } };
      }
      default:
        throw new Error(`a recipe asks for no ${request.kind}`);
    }
  }

  /** Keys of the store as of `revision`, with when they were created; the oldest first. */
  contendersAt(revision: number): number[] {
    const alive = new Map<string, number>();
    for (const { revision: at, events } of this.history) {
      if (at > revision) break;
      for (const { kind, kv } of events) {
        if (kind === "put") alive.set(bytesKey(kv.key), kv.createRevision);
        else alive.delete(bytesKey(kv.key));
      }
    }
    return [...alive.values()].toSorted((a, b) => a - b);
  }
}

function answered<Kind extends "range" | "txn" | "put" | "deleteRange">(
  kind: Kind,
  result: Result<Extract<ClientAnswer, { kind: Kind }>["answer"], Refusal>,
): Result<ClientAnswer, Refusal> {
  return result.ok ? { ok: true, value: { kind, answer: result.value } as ClientAnswer } : result;
}

/** One caller of the world. */
export class PlayedStore implements RecipeStore {
  readonly #world: RecipeWorld;
  readonly signal: AbortSignal;

  constructor(world: RecipeWorld, signal: AbortSignal = new AbortController().signal) {
    this.#world = world;
    this.signal = signal;
    signal.addEventListener("abort", () => world.tell());
  }

  async ask(request: ClientRequest): Promise<{ header: Header; answer: ClientAnswer }> {
    await this.#world.turn();
    const result = this.#world.perform(request);
    const header = this.#world.header();
    await this.#world.turn();
    if (!result.ok) throw new RequestError(recipeRefusal(result.error));
    return { header, answer: result.value };
  }

  async insist(request: RangeRequest): Promise<{ header: Header; answer: RangeAnswer }> {
    this.signal.throwIfAborted();
    const { header, answer } = await this.ask({ kind: "range", request, serializable: false });
    this.signal.throwIfAborted();
    if (answer.kind !== "range") throw new Error("a range is answered by a range");
    return { header, answer: answer.answer };
  }

  async tidy(request: ClientRequest): Promise<void> {
    await this.ask(request).catch(() => undefined);
  }

  async *watch(spec: WatchSpec): AsyncGenerator<EventBatch, void, void> {
    const { losses } = this.#world;
    for (let at = 0; ;) {
      this.signal.throwIfAborted();
      if (this.#world.losses > losses) return;
      const entry = this.#world.history[at];
      if (entry === undefined) {
        await this.#world.news();
        await this.#world.turn();
        continue;
      }
      at++;
      const batch = this.#pick(entry, spec);
      if (batch.events.length > 0) yield batch;
    }
  }

  #pick({ revision, events }: RevisionEvents, spec: WatchSpec): EventBatch {
    const interval = intervalOf(spec.key, spec.rangeEnd);
    const wanted = events.filter(
      ({ kind, kv }) =>
        revision >= spec.startRevision &&
        containsKey(interval, kv.key) &&
        !(kind === "put" ? spec.noPut : spec.noDelete),
    );
    return {
      header: { ...this.#world.header(), revision },
      events: wanted.map((event) => ({ ...event, prevKv: null })),
    };
  }
}
