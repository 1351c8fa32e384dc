// Owns answering a Range: which revision is read, which rows are fetched, how they are filtered,
// sorted and cut (etcd server/etcdserver/txn/range.go). Walking the rows is `scan.ts`'s.

import { compareBytes, EMPTY } from "../base/bytes.ts";
import { intervalOf, isEmptyInterval, successor, type Interval } from "../base/interval.ts";
import type { KeyValue, RangeAnswer, RangeRequest } from "../base/kv.ts";
import type { Refusal } from "../base/refusal.ts";
import { accept, refuse, type Result } from "../base/result.ts";
import { asRevision, NO_LEASE, type Revision } from "../base/types.ts";
import type { CountMemory } from "./counts.ts";
import { countAt, countLatest, latestVersions, versionsAt, type Past, type Scan } from "./scan.ts";

/** What a read sees of the store. */
export interface View extends Past {
  /** The latest revision; inside a txn, with the writes made so far. */
  readonly revision: Revision;
  readonly compacted: Revision;
  /** Null inside a txn, where the latest revision is still in the making. */
  readonly counts: CountMemory | null;
  /** Keys and values that the answer may hold, in bytes. */
  readonly bytesMax: number;
}

/**
 * Answers a Range. A revision of 0 or less reads the latest; the compacted revision itself can
 * still be read. Refused: "futureRevision", "compacted", "answerTooLarge".
 */
export function readRange(view: View, request: RangeRequest): Result<RangeAnswer, Refusal> {
  const reading = open(view, request);
  return reading.ok ? answer(reading.value) : reading;
}

/** The bytes that `readRange` would hold, with its refusals; it counts no keys. */
export function measureRange(view: View, request: RangeRequest): Result<number, Refusal> {
  const reading = open(view, request);
  if (!reading.ok) return reading;
  if (request.countOnly) return accept(0);
  const selection = select(reading.value);
  return selection === null ? refuse("answerTooLarge") : accept(answerBytes(selection.kvs));
}

function open(view: View, request: RangeRequest): Result<Reading, Refusal> {
  const revision = request.revision > 0 ? request.revision : view.revision;
  if (revision > view.revision) return refuse("futureRevision");
  if (revision < view.compacted) return refuse("compacted");
  const interval = intervalOf(request.key, request.rangeEnd);
  return accept({ view, request, revision: asRevision(revision), interval });
}

/** The bytes of keys and values that an answer holds, as far as bounds are concerned. */
export const answerBytes = (kvs: readonly Pick<KeyValue, "key" | "value">[]): number =>
  kvs.reduce((bytes, { key, value }) => bytes + key.length + value.length, 0);

/** One Range under way, at a revision that was found readable. */
interface Reading {
  readonly view: View;
  readonly request: RangeRequest;
  readonly revision: Revision;
  readonly interval: Interval;
}

function answer(reading: Reading): Result<RangeAnswer, Refusal> {
  if (reading.request.countOnly) {
    return accept({ kvs: [], more: false, count: countKeys(reading) });
  }
  const selection = select(reading);
  if (selection === null) return refuse("answerTooLarge");
  const { kvs, more, total } = selection;
  const count = total ?? countKeys(reading);
  if (more) rememberNextPage(reading, kvs, count);
  return accept({ kvs, more, count });
}

/** What an answer returns. `total` is the count of all keys, where the walk has shown it. */
interface Selection {
  readonly kvs: readonly KeyValue[];
  readonly more: boolean;
  readonly total: number | null;
}

/** Takes, sorts and cuts; null when it is too much. */
function select(reading: Reading): Selection | null {
  const { limit, keysOnly, sortTarget } = reading.request;
  const takenMax = takenMaxOf(reading.request);
  const taken = take(reading, takenMax);
  if (taken === null) return null;
  const exhausted = !isFiltered(reading.request) && taken.length < takenMax;
  if (sortTarget !== "key") sortKeyValues(taken, reading.request);
  const more = limit > 0 && taken.length > limit;
  const kvs = more ? taken.slice(0, limit) : taken;
  const total = exhausted ? taken.length : null;
  return { kvs: keysOnly ? kvs.map(withoutValue) : kvs, more, total };
}

/**
 * How many matching versions are worth fetching: one beyond the limit tells that there are more.
 * A sort by another target than the key must see all, unless no order was asked for: etcd then
 * cuts before it sorts, and so do we [observed on 3.5.16; the same in 3.8's source].
 */
function takenMaxOf(request: RangeRequest): number {
  const { limit, sortOrder, sortTarget } = request;
  const cutsFirst = sortTarget === "key" || (sortOrder === "none" && !isFiltered(request));
  return limit > 0 && cutsFirst ? limit + 1 : Infinity;
}

/** Null when it is too much. */
function take(reading: Reading, takenMax: number): KeyValue[] | null {
  const taken: KeyValue[] = [];
  let bytes = 0;
  if (isEmptyInterval(reading.interval)) return taken;
  for (const kv of versions(reading, takenMax)) {
    if (!passesFilters(reading.request, kv)) continue;
    bytes += kv.key.length + kv.value.length;
    if (bytes > reading.view.bytesMax) return null;
    taken.push(kv);
    if (taken.length === takenMax) break;
  }
  return taken;
}

function versions(reading: Reading, takenMax: number): Generator<KeyValue, void> {
  const { request, view } = reading;
  const scan: Scan = {
    interval: reading.interval,
    descending: request.sortTarget === "key" && request.sortOrder === "descend",
    values: !request.keysOnly || request.sortTarget === "value",
    rowsMax: isFiltered(request) ? Infinity : takenMax,
  };
  return isLatest(reading)
    ? latestVersions(view.sql, scan)
    : versionsAt(view, scan, reading.revision);
}

const isLatest = ({ view, revision }: Reading): boolean => revision === view.revision;

function countKeys(reading: Reading): number {
  const { view, interval, revision } = reading;
  if (isEmptyInterval(interval)) return 0;
  const known = view.counts?.recall(revision, interval);
  if (known !== undefined) return known;
  const count = isLatest(reading)
    ? countLatest(view.sql, interval)
    : countAt(view.sql, interval, revision);
  view.counts?.remember(revision, interval, count);
  return count;
}

/** A list's next page starts after this one's last key, and has that many keys fewer. */
function rememberNextPage(reading: Reading, kvs: readonly KeyValue[], count: number): void {
  const { sortOrder, sortTarget } = reading.request;
  const last = kvs.at(-1);
  if (last === undefined || isFiltered(reading.request)) return;
  if (sortTarget !== "key" || sortOrder === "descend") return;
  const rest = { start: successor(last.key), end: reading.interval.end };
  reading.view.counts?.remember(reading.revision, rest, count - kvs.length);
}

const isFiltered = (request: RangeRequest): boolean =>
  request.minModRevision !== 0 ||
  request.maxModRevision !== 0 ||
  request.minCreateRevision !== 0 ||
  request.maxCreateRevision !== 0;

const passesFilters = (request: RangeRequest, kv: KeyValue): boolean =>
  (request.minModRevision === 0 || kv.modRevision >= request.minModRevision) &&
  (request.maxModRevision === 0 || kv.modRevision <= request.maxModRevision) &&
  (request.minCreateRevision === 0 || kv.createRevision >= request.minCreateRevision) &&
  (request.maxCreateRevision === 0 || kv.createRevision <= request.maxCreateRevision);

/** Sorts in place. No order means ascending here; equal ones stay in key order. */
function sortKeyValues(kvs: KeyValue[], request: RangeRequest): void {
  const sign = request.sortOrder === "descend" ? -1 : 1;
  kvs.sort((a, b) => sign * compareBy(request, a, b));
}

function compareBy({ sortTarget }: RangeRequest, a: KeyValue, b: KeyValue): number {
  switch (sortTarget) {
    case "key":
      return compareBytes(a.key, b.key);
    case "version":
      return a.version - b.version;
    case "create":
      return a.createRevision - b.createRevision;
    case "mod":
      return a.modRevision - b.modRevision;
    case "value":
      return compareBytes(a.value, b.value);
    default:
      return sortTarget satisfies never;
  }
}

/** What keys_only leaves of a version; since etcd 3.7 not even the lease. */
const withoutValue = (kv: KeyValue): KeyValue => ({ ...kv, value: EMPTY, lease: NO_LEASE });
