// Owns what clients were told, and its judgement: each answer against the ledger at once, and all of
// them together, as a history, at the end.

import type { KeyValue } from "../../../src/base/kv.ts";
import { checkLinearizable } from "../../support/linearizable.ts";
import { renderOperation, type Operation } from "../../support/history.ts";
import type { Ledger, LedgerEvent } from "../ledger.ts";
import { must } from "../world.ts";

/** What a read of one key or of a prefix has found, as of a revision. */
export interface Finding {
  readonly client: number;
  readonly prefix: string;
  readonly isPrefix: boolean;
  readonly revision: number;
  readonly kvs: readonly KeyValue[];
}

interface Version {
  readonly revision: number;
  readonly event: LedgerEvent;
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8");

export class Book {
  readonly operations: Operation[] = [];
  readonly #ledger: Ledger;
  readonly #findings: Finding[] = [];
  /** The highest revision that any client was shown as linearizable, and when that rose. */
  readonly #shown: { readonly at: number; readonly revision: number }[] = [{ at: 0, revision: 1 }];
  /** The highest revision that a client was told is compacted. */
  compacted = -1;
  /** The highest revision that any client asked to compact at. */
  compactionAsked = -1;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /** What a linearizable read that begins now must show at least. */
  get floor(): number {
    return this.#shown.at(-1)!.revision;
  }

  /** The floor as it was at an earlier moment. */
  floorAt(moment: number): number {
    return this.#shown.findLast(({ at }) => at <= moment)?.revision ?? 1;
  }

  get answered(): number {
    return this.operations.filter(({ outcome }) => outcome.kind === "ok").length;
  }

  /** A client was told something of the present state. */
  shows(revision: number, at: number): void {
    if (revision > this.floor) this.#shown.push({ at, revision });
  }

  record(operation: Operation, floor: number): void {
    this.operations.push(operation);
    const { outcome, action, key } = operation;
    if (outcome.kind !== "ok") return;
    const { revision, wrote } = outcome;
    must(revision >= floor, () => `${renderOperation(operation)}, after ${floor} was shown`);
    this.shows(revision, operation.return);
    if (!wrote) return;
    const event = this.#ledger.at(revision)?.events.find((each) => each.key === key);
    const value = "value" in action ? action.value : "";
    const holds = event !== undefined && event.value === value;
    must(holds, () => `${renderOperation(operation)}: that is not what happened there`);
  }

  found(finding: Finding): void {
    this.#findings.push(finding);
  }

  /** Judges everything together. */
  judge(): void {
    const versions = this.#versions();
    this.#judgeValues();
    for (const finding of this.#findings) judgeFinding(finding, versions);
    let verdict: ReturnType<typeof checkLinearizable> = { ok: true };
    try {
      verdict = checkLinearizable(this.operations.map(withoutReplaced));
    } catch {
      // Too many unanswered writes to try all orders; the ledger has judged each answer anyway.
    }
    must(verdict.ok, () => (verdict.ok ? "" : verdict.report));
  }

  /** A value is written once; one whose write was told to have failed, never. */
  #judgeValues(): void {
    const places = new Map<string, number>();
    for (let revision = 2; revision <= this.#ledger.revision; revision++) {
      for (const { kind, key, value } of this.#ledger.at(revision)?.events ?? []) {
        if (kind !== "put") continue;
        const name = `${key}=${value}`;
        must(!places.has(name), () => `${name} is written at ${places.get(name)} and ${revision}`);
        places.set(name, revision);
      }
    }
    for (const operation of this.operations) {
      const { outcome, action, key } = operation;
      if (outcome.kind !== "failed" || !("value" in action)) continue;
      const place = places.get(`${key}=${action.value}`);
      must(place === undefined, () => `${renderOperation(operation)}, but it is at ${place}`);
    }
  }

  #versions(): Map<string, Version[]> {
    const versions = new Map<string, Version[]>();
    for (let revision = 2; revision <= this.#ledger.revision; revision++) {
      for (const event of this.#ledger.at(revision)?.events ?? []) {
        const list = versions.get(event.key) ?? [];
        versions.set(event.key, list);
        list.push({ revision, event });
      }
    }
    return versions;
  }
}

/** The checker takes what a read has found for its witness, and not what a write has replaced. */
function withoutReplaced(operation: Operation): Operation {
  const { outcome } = operation;
  if (outcome.kind !== "ok" || !outcome.wrote) return operation;
  const { kind, revision, wrote } = outcome;
  return { ...operation, outcome: { kind, revision, wrote } };
}

/** A read shows exactly what the history makes of its revision. */
function judgeFinding(finding: Finding, versions: ReadonlyMap<string, readonly Version[]>): void {
  const { prefix, isPrefix, revision, kvs, client } = finding;
  const expected: string[] = [];
  for (const [key, list] of versions) {
    if (isPrefix ? !key.startsWith(prefix) : key !== prefix) continue;
    const last = list.findLast((version) => version.revision <= revision);
    if (last?.event.kind === "put") {
      expected.push(`${key}=${last.event.value}@${last.revision}v${last.event.version}`);
    }
  }
  const seen = kvs.map((kv) => `${text(kv.key)}=${text(kv.value)}@${kv.modRevision}v${kv.version}`);
  must(
    expected.toSorted().join() === seen.join(),
    () =>
      `client ${client} read "${prefix}" at ${revision}: ${seen.join()}, not ${expected.join()}`,
  );
}
