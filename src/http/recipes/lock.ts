// Owns etcd's lock service as a recipe: a place in a queue, and waiting until it is at the head.

import { RECIPE_ERRORS } from "../../api/recipe-error.ts";
import type { Header } from "../../api/replica.ts";
import { EMPTY } from "../../base/bytes.ts";
import type { Bytes, LeaseId } from "../../base/types.ts";
import { RequestError } from "../response.ts";
import { enter, isKept, outwait, withdraw, type Place } from "./queue.ts";
import { leaseOf, type RecipeStore } from "./store.ts";

/** A lock that is held. */
export interface Held {
  readonly place: Place;
  /** As of when it was seen to be held. */
  readonly header: Header;
}

/**
 * Resolves when the lock is held; whoever holds it already is told so again. Without a lease it is
 * held for a minute at most. Whoever stops waiting leaves the queue.
 *
 * @throws RequestError; the reason of the store's signal.
 */
export async function lock(
  store: RecipeStore,
  request: { readonly name: Bytes; readonly lease: LeaseId },
): Promise<Held> {
  const lease = await leaseOf(store, request.lease);
  const { place, header, isFirst } = await enter(store, { ...request, lease, value: EMPTY });
  try {
    store.signal.throwIfAborted();
    if (isFirst) return { place, header };
    return await wait(store, place);
  } catch (error) {
    await withdraw(store, place);
    throw error;
  }
}

async function wait(store: RecipeStore, place: Place): Promise<Held> {
  await outwait(store, place);
  const { header, kept } = await isKept(store, place);
  if (!kept) throw new RequestError(RECIPE_ERRORS.sessionExpired);
  store.signal.throwIfAborted();
  return { place, header };
}
