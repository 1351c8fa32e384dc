// Owns what of a watch stream is compared in random histories. How revisions are gathered into messages
// depends on how fast etcd's loops are: the events themselves, per watch and in order, do not.

import type { Heard } from "../conversation.ts";
import { isObject, type Json, type JsonObject } from "../json.ts";

/** What each watch of a stream was told, in order; under `created`, the answers to creations. */
export type Watched = Readonly<Record<string, readonly Json[]>>;

export function watchedOf(lines: readonly Heard[]): Watched {
  const watched: Record<string, Json[]> = {};
  const tell = (whom: string, what: Json): number => (watched[whom] ??= []).push(what);
  for (const { event, body } of lines) {
    const result = isObject(body) ? body["result"] : undefined;
    if (!isObject(result)) {
      if (event === "line") tell("error", body);
      continue;
    }
    const id = `watch ${JSON.stringify(result["watch_id"] ?? "0")}`;
    if (result["created"] === true) tell("created", result);
    else if (result["canceled"] === true) tell(id, result);
    else for (const each of eventsOf(result)) tell(id, each);
  }
  // Whoever was told first is chance.
  return Object.fromEntries(Object.entries(watched).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** How much was told; progress does not count. */
export const countOf = (lines: readonly Heard[]): number =>
  Object.values(watchedOf(lines)).reduce((sum, told) => sum + told.length, 0);

const eventsOf = (result: JsonObject): readonly Json[] =>
  (result["events"] as readonly Json[] | undefined) ?? [];
