// Owns working for one caller of a recipe: until it is answered, is gone, or has no time left. The
// work outlives the answer where something must not be left behind.

import type { Context } from "hono";
import { GATEWAY_ERRORS } from "../../api/error.ts";
import { RECIPE_ERRORS } from "../../api/recipe-error.ts";
import { seekerOf, toRouterRequest, type Services } from "../request.ts";
import { RequestError } from "../response.ts";
import { sessionsTo } from "../sessions.ts";
import { atDeadline, streamPatienceOf } from "../time-limits.ts";
import { RouterStore } from "./router-store.ts";
import type { RecipeStore } from "./store.ts";

/** Ends a caller's work, for the reason that it would be told. */
export class Caller {
  readonly #over = new AbortController();
  readonly #answered = new AbortController();

  constructor(services: Services, context: Context) {
    const { signal } = context.req.raw;
    const gone = (): void => this.gone();
    if (signal.aborted) this.gone();
    signal.addEventListener("abort", gone, { once: true });
    this.#answered.signal.addEventListener("abort", () =>
      signal.removeEventListener("abort", gone),
    );
    const late = (): void => this.#over.abort(new RequestError(GATEWAY_ERRORS.deadlineExceeded));
    void atDeadline(services, context, late, this.#answered.signal);
  }

  get signal(): AbortSignal {
    return this.#over.signal;
  }

  /** It does not listen any more. */
  gone(): void {
    this.#over.abort(new RequestError(RECIPE_ERRORS.callerGone));
  }

  /** Nothing is to be done for it any more. */
  answered(): void {
    this.#answered.abort();
  }
}

/**
 * Does `work` with a store of the caller's own; the caller is answered at the latest when its time
 * is over.
 *
 * @throws RequestError, what `work` throws.
 */
export async function workFor<T>(
  services: Services,
  context: Context,
  caller: Caller,
  work: (store: RecipeStore) => Promise<T>,
  { isStream }: { readonly isStream: boolean } = { isStream: false },
): Promise<T> {
  const leave = services.waitingRoom.enter();
  // One who is gone has no seat: the platform may stop what is left to do for it, in the midst.
  caller.signal.addEventListener("abort", leave, { once: true });
  const patience = streamPatienceOf(context);
  const store = new RouterStore({
    ...services,
    // A recipe has to know what it has written, even when nobody waits for the answer any more.
    toRequest: (request) => ({
      ...toRouterRequest(context, services, request),
      deadline: Infinity,
    }),
    openSession: sessionsTo(services, { ...seekerOf(context), ...patience }),
    // A call that waits goes on waiting, as in etcd: it was asked for a leader at its beginning.
    needsLeader: isStream && patience.leaderWithinMs !== undefined,
    signal: caller.signal,
  });
  const done = work(store).finally(() => {
    store.close();
    caller.answered();
    leave();
  });
  outlive(context, done);
  return Promise.race([done, reasonOf(caller.signal)]);
}

/** Rejects with the signal's reason. */
function reasonOf(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  const fail = (): void => reject(signal.reason as RequestError);
  if (signal.aborted) fail();
  signal.addEventListener("abort", fail, { once: true });
  return promise;
}

/** The platform would stop the work as soon as the client is gone. */
function outlive(context: Context, work: Promise<unknown>): void {
  const settled = work.then(
    () => undefined,
    () => undefined,
  );
  try {
    context.executionCtx.waitUntil(settled);
  } catch {
    // There is none outside a Worker, and nothing stops the work there.
  }
}
