// Owns the store of one caller's recipe: its requests go through the router, and its watches, one
// after another, through one session. The platform binds a socket to the request that opened it, so
// callers that wait cannot share theirs.

import { recipeRefusal, unknownError } from "../../api/recipe-error.ts";
import type { ClientAnswer, ClientRequest, Header } from "../../api/replica.ts";
import { assert } from "../../base/assert.ts";
import type { RangeAnswer, RangeRequest } from "../../base/kv.ts";
import type { WatchDelivery, WatchSpec } from "../../base/watch.ts";
import { withLeaseId } from "../../api/lease-id.ts";
import type { Platform } from "../platform.ts";
import { failureError, RequestError } from "../response.ts";
import type { Router, RouterRequest, Served } from "../router.ts";
import type { SessionClient } from "../session-client.ts";
import type { OpenSession } from "../watch-stream.ts";
import { Feed } from "./feed.ts";
import type { EventBatch, RecipeStore } from "./store.ts";

export interface RouterStoreOptions extends Pick<Platform, "random" | "sleep"> {
  readonly router: Pick<Router, "serve">;
  /** A request of this caller, with an id of its own. */
  readonly toRequest: (request: ClientRequest) => RouterRequest;
  readonly openSession: OpenSession;
  readonly signal: AbortSignal;
  /** The caller wants to hear when there is no leader, and not wait for one. */
  readonly needsLeader: boolean;
}

/** Between two attempts of what waits for a leader; the router itself waits for seconds. */
const PAUSE_MS = 1_000;
/** How often it is tried to leave nothing behind. */
const TIDY_ATTEMPTS_MAX = 3;

export class RouterStore implements RecipeStore {
  readonly #options: RouterStoreOptions;
  readonly #feeds = new Map<number, Feed>();
  #session: SessionClient | null = null;
  #nextWatch = 0;

  constructor(options: RouterStoreOptions) {
    this.#options = options;
    const { signal } = options;
    signal.addEventListener("abort", () => this.#endFeeds(signal.reason as Error), { once: true });
  }

  get signal(): AbortSignal {
    return this.#options.signal;
  }

  async ask(
    request: ClientRequest,
  ): Promise<{ readonly header: Header; readonly answer: ClientAnswer }> {
    const named = withLeaseId(request, this.#options.random);
    return requireAnswer(await this.#serve(named), named);
  }

  async insist(
    request: RangeRequest,
  ): Promise<{ readonly header: Header; readonly answer: RangeAnswer }> {
    const range = { kind: "range", request, serializable: false } as const;
    for (;;) {
      this.signal.throwIfAborted();
      const served = await this.#serve(range);
      this.signal.throwIfAborted();
      const isUnled = served.kind === "failed" && served.failure === "noLeader";
      if (!isForLater(served) || (isUnled && this.#options.needsLeader)) {
        const { header, answer } = requireAnswer(served, range);
        assert(answer.kind === "range", "an answer is of its request's kind");
        return { header, answer: answer.answer };
      }
      await this.#options.sleep(PAUSE_MS, this.signal);
    }
  }

  async tidy(request: ClientRequest): Promise<void> {
    for (let attempt = 0; attempt < TIDY_ATTEMPTS_MAX; attempt++) {
      if (!isForLater(await this.#serve(request))) return;
      await this.#options.sleep(PAUSE_MS);
    }
  }

  async *watch(spec: WatchSpec): AsyncGenerator<EventBatch, void, void> {
    this.signal.throwIfAborted();
    const feed = new Feed();
    const watch = this.#nextWatch++;
    this.#feeds.set(watch, feed);
    const session = (this.#session ??= this.#open());
    session.watch(watch, spec);
    try {
      yield* feed;
    } finally {
      this.#feeds.delete(watch);
      session.cancel(watch);
    }
  }

  /** The caller needs nothing more. */
  close(): void {
    this.#endFeeds(null);
    this.#session?.close();
    this.#session = null;
  }

  #serve(request: ClientRequest): Promise<Served> {
    const { router, toRequest } = this.#options;
    return router.serve(toRequest(request));
  }

  #open(): SessionClient {
    const session: SessionClient = this.#options.openSession({
      deliver: (delivery, header) => this.#deliver(delivery, header),
      onGivenUp: () => void this.#lost(session),
    });
    // Whether it comes to be shows in what the watches hear.
    session.welcomed.catch(() => undefined);
    return session;
  }

  async #deliver(delivery: WatchDelivery, header: Header): Promise<void> {
    const feed = this.#feeds.get(delivery.watch);
    if (feed === undefined) return;
    switch (delivery.kind) {
      case "events":
        return feed.push({ header, events: delivery.events });
      case "canceled":
        return feed.end(reasonOf(delivery));
      case "created":
      case "progress":
        return;
      default:
        delivery satisfies never;
    }
  }

  /** No session could be opened. Its watches end, and who waits reads again, but not at once. */
  async #lost(session: SessionClient): Promise<void> {
    assert(this.#session === null || this.#session === session, "there is one session at a time");
    this.#session = null;
    await this.#options.sleep(PAUSE_MS, this.signal);
    this.#endFeeds(null);
  }

  #endFeeds(reason: Error | null): void {
    for (const feed of this.#feeds.values()) feed.end(reason);
  }
}

/** Whether asking again later may give an answer. */
const isForLater = (served: Served): boolean =>
  served.kind === "failed"
    ? served.failure !== "unknownCluster"
    : served.kind === "refused" && served.refusal === "tooManyRequests";

type Answered = Extract<Served, { kind: "answered" }>;

/** @throws RequestError unless the request was answered. */
function requireAnswer(served: Served, request: ClientRequest): Answered {
  switch (served.kind) {
    case "answered":
      return served;
    case "refused":
      throw new RequestError(recipeRefusal(served.refusal));
    case "failed":
      throw new RequestError(failureError(served.failure, request));
    default:
      return served satisfies never;
  }
}

/** A watch that was refused is not tried again; one that was compacted is, from a newer revision. */
const reasonOf = ({ cause }: Extract<WatchDelivery, { kind: "canceled" }>): RequestError | null =>
  cause.kind === "refused" ? new RequestError(unknownError(cause.reason)) : null;
