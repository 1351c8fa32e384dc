// Owns holding what clients were told against what the store has kept: the record of all changes, as
// a watch from the first revision on tells it.

import { isAnswered, type Operation, renderOperation } from "../support/history.ts";
import type { SeenEvent } from "../support/watcher.ts";

/**
 * What is wrong with `record`, one sentence each; empty when every acknowledged write is there, at
 * the revision that was told, exactly once; every other one at most once; and nothing else.
 * All writes of the store must be in `history`, and each must change one key.
 */
export function audit(history: readonly Operation[], record: readonly SeenEvent[]): string[] {
  return [
    ...disorder(record),
    ...lostWrites(history, record),
    ...repeatedValues(record),
    ...unaskedChanges(history, record),
    ...surplusDeletions(history, record),
  ];
}

/** One change for each revision, from 2 on: a fresh store is at 1. */
function disorder(record: readonly SeenEvent[]): string[] {
  const wrong = record.findIndex(({ revision }, i) => revision !== i + 2);
  return wrong < 0 ? [] : [`change ${wrong} has revision ${record[wrong]!.revision}`];
}

function lostWrites(history: readonly Operation[], record: readonly SeenEvent[]): string[] {
  const byRevision = new Map(record.map((event) => [event.revision, event]));
  return history
    .filter(isAnswered)
    .filter(({ outcome }) => outcome.wrote)
    .filter(({ key, action, outcome }) => {
      const event = byRevision.get(outcome.revision);
      const value = "value" in action ? action.value : null;
      return event === undefined || event.key !== key || event.value !== value;
    })
    .map((operation) => `acknowledged and lost: ${renderOperation(operation)}`);
}

function repeatedValues(record: readonly SeenEvent[]): string[] {
  const values = record.map(({ value }) => value).filter((value) => value !== null);
  const seen = new Set<string>();
  const repeated = values.filter((value) => seen.size === seen.add(value).size);
  return repeated.map((value) => `written more than once: ${value}`);
}

/** Values that nobody may have put there: never asked for, or refused. */
function unaskedChanges(history: readonly Operation[], record: readonly SeenEvent[]): string[] {
  const possible = new Set(
    history
      .filter(({ outcome }) => outcome.kind !== "failed")
      .map(({ key, action }) => ("value" in action ? `${key} = ${action.value}` : "")),
  );
  return record
    .filter(({ value }) => value !== null)
    .map(({ key, value }) => `${key} = ${value}`)
    .filter((change) => !possible.has(change))
    .map((change) => `nobody put it there: ${change}`);
}

/** Deletions have no value to trace them by, but there cannot be more than were asked for. */
function surplusDeletions(history: readonly Operation[], record: readonly SeenEvent[]): string[] {
  const asked = new Map<string, number>();
  for (const { key, action, outcome } of history) {
    const isPossible = outcome.kind === "unknown" || (outcome.kind === "ok" && outcome.wrote);
    if (action.kind === "delete" && isPossible) asked.set(key, (asked.get(key) ?? 0) + 1);
  }
  const happened = Map.groupBy(
    record.filter(({ value }) => value === null),
    ({ key }) => key,
  );
  return [...happened]
    .filter(([key, deletions]) => deletions.length > (asked.get(key) ?? 0))
    .map(([key]) => `deleted more often than asked for: ${key}`);
}
