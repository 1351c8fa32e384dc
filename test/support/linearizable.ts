// Owns the judgement whether a history is linearizable: whether all answers could have come from one
// store that did one operation at a time, each at some moment between its call and its return.
//
// In general that is a search over orders (Wing and Gong 1993; Lowe 2017). Here every answer carries
// the store's revision, which must rise with the order of effects: so the order of all answered
// operations is known, and only its agreement with real time is to be checked. What is left to
// search is where the writes without an answer took effect, if anywhere. That is Lowe's search with
// its memory of visited configurations, one key at a time (linearizability is local).

import { type Answered, isAnswered, type Operation, renderOperation } from "./history.ts";

export type Verdict =
  | { readonly ok: true }
  /** `report` tells a person which answers contradict each other. */
  | { readonly ok: false; readonly report: string };

/** Configurations of one key that are visited before the search gives up: some seconds. */
const CONFIGURATIONS_MAX = 1_000_000;
/** Operations shown before the one that cannot be explained. */
const CONTEXT_OPERATIONS = 12;

/** The histories of all keys together: no revision twice, real time respected, each key linear. */
export function checkLinearizable(history: readonly Operation[]): Verdict {
  const answered = history.filter(isAnswered);
  const offence = ambiguousRevision(answered) ?? staleRevision(answered);
  if (offence !== null) return { ok: false, report: offence };

  const offences = [...Map.groupBy(history, ({ key }) => key).values()]
    .map(unexplainedOperation)
    .filter((unexplained) => unexplained !== null);
  offences.sort((a, b) => a.operations - b.operations);
  return offences[0] === undefined ? { ok: true } : { ok: false, report: offences[0].report };
}

/** A revision is one write: two writes, or two versions, that claim the same contradict. */
function ambiguousRevision(answered: readonly Answered[]): string | null {
  const writers = new Map<number, Answered>();
  for (const operation of answered) {
    const { revision, wrote } = operation.outcome;
    if (!wrote) continue;
    const other = writers.get(revision);
    if (other !== undefined)
      return report(`two writes at revision ${revision}`, [other, operation]);
    writers.set(revision, operation);
  }
  const witnesses = new Map<number, Answered>();
  for (const operation of answered) {
    const version = versionIn(operation);
    if (version === null) continue;
    const other = witnesses.get(version.modRevision) ?? operation;
    if (other.key !== operation.key || versionIn(other)?.value !== version.value) {
      return report(`two versions of revision ${version.modRevision}`, [other, operation]);
    }
    witnesses.set(version.modRevision, other);
  }
  return null;
}

/** The version that an answer bears witness to: the one it found, or the one it wrote. */
function versionIn({ action, outcome }: Answered): { value: string; modRevision: number } | null {
  if (!outcome.wrote) return outcome.found ?? null;
  return "value" in action ? { value: action.value, modRevision: outcome.revision } : null;
}

/** What was asked after an answer was there must see that answer's revision, and write above it. */
function staleRevision(answered: readonly Answered[]): string | null {
  const byReturn = answered.toSorted((a, b) => a.return - b.return);
  let returned = 0;
  let newest: Answered | null = null;
  for (const operation of answered.toSorted((a, b) => a.call - b.call)) {
    for (; byReturn[returned]!.return < operation.call; returned++) {
      const earlier = byReturn[returned]!;
      if (newest === null || earlier.outcome.revision > newest.outcome.revision) newest = earlier;
    }
    if (newest === null) continue;
    const { revision, wrote } = operation.outcome;
    const least = newest.outcome.revision + (wrote ? 1 : 0);
    if (revision < least) return report("a revision that went back in time", [newest, operation]);
  }
  return null;
}

/** What a key holds at one point of an order. */
interface State {
  readonly value: string | null;
  /** Its mod revision; 0 when absent; null while no answer has told it. */
  readonly modRevision: number | null;
  /** The store's revision that answers have shown so far: a later write lies above it. */
  readonly floor: number;
}

const ABSENT: State = { value: null, modRevision: 0, floor: 0 };

/** One point of the search: how many answered operations and which unanswered ones took effect. */
interface Configuration {
  readonly state: State;
  readonly position: number;
  readonly effective: readonly number[];
}

/** Searches one key's history; null when it is linearizable. */
function unexplainedOperation(
  history: readonly Operation[],
): { readonly operations: number; readonly report: string } | null {
  const order = history.filter(isAnswered).toSorted(byEffect);
  const unanswered = history
    .filter(({ action, outcome }) => outcome.kind === "unknown" && action.kind !== "get")
    .toSorted((a, b) => a.call - b.call);
  const deadlines = latestCalls(order);
  const observed = new Set(order.map((operation) => versionIn(operation)?.value));
  const visited = new Set<string>();
  const open: Configuration[] = [{ state: ABSENT, position: 0, effective: [] }];
  let furthest = 0;
  for (let here = open.pop(); here !== undefined; here = open.pop()) {
    const { state, position, effective } = here;
    const operation = order[position];
    if (operation === undefined) return null;
    const name = `${position} ${effective.toSorted((a, b) => a - b).join()} ${JSON.stringify(state)}`;
    if (visited.has(name)) continue;
    visited.add(name);
    if (visited.size > CONFIGURATIONS_MAX) throw new Error(`undecided: key ${operation.key}`);
    furthest = Math.max(furthest, position);

    // The last one pushed is tried first: an answered operation as it stands, before assumptions.
    const choices = distinctChoices({
      unanswered,
      effective,
      observed,
      latest: deadlines[position]!,
    });
    for (const choice of choices.toReversed()) {
      const next = assume(state, unanswered[choice]!);
      if (next !== null) open.push({ state: next, position, effective: [...effective, choice] });
    }
    const next = answer(state, operation);
    if (next !== null) open.push({ state: next, position: position + 1, effective });
  }
  return explain(order, furthest, unanswered);
}

/** By revision; a write comes before the reads that show it. Reads of one revision commute. */
const byEffect = (a: Answered, b: Answered): number =>
  a.outcome.revision - b.outcome.revision ||
  Number(b.outcome.wrote) - Number(a.outcome.wrote) ||
  a.call - b.call;

/** For each position: what is called after this moment cannot take effect before that position. */
function latestCalls(order: readonly Answered[]): readonly number[] {
  const latest = order.map((operation) => operation.return);
  for (let i = latest.length - 2; i >= 0; i--) latest[i] = Math.min(latest[i]!, latest[i + 1]!);
  return latest;
}

/**
 * The unanswered writes that may take effect now. Of deletions, and of puts whose value nobody ever
 * saw, only the one asked first is worth trying: the others would change as little.
 */
function distinctChoices(options: {
  readonly unanswered: readonly Operation[];
  readonly effective: readonly number[];
  readonly observed: ReadonlySet<string | undefined>;
  readonly latest: number;
}): readonly number[] {
  const { unanswered, effective, observed, latest } = options;
  const tried = new Set<string>();
  return [...unanswered.keys()].filter((i) => {
    const { action, call } = unanswered[i]!;
    if (call > latest || effective.includes(i)) return false;
    const isSeen = "value" in action && observed.has(action.value);
    if (isSeen || action.kind === "compareAndSet") return true;
    if (tried.has(action.kind)) return false;
    tried.add(action.kind);
    return true;
  });
}

/** The state after an unanswered write took effect; null when it would have had none. */
function assume(state: State, { action }: Operation): State | null {
  switch (action.kind) {
    case "get":
      return null;
    case "put":
      return { ...state, value: action.value, modRevision: null };
    case "delete":
      return state.value === null ? null : { ...state, value: null, modRevision: 0 };
    case "compareAndSet": {
      const known = recognise(state, action.expected);
      return known && { ...known, value: action.value, modRevision: null };
    }
    default:
      return action satisfies never;
  }
}

/** The state after an answered operation took effect; null when its answer contradicts `state`. */
function answer(state: State, { action, outcome }: Answered): State | null {
  const { revision, wrote, found } = outcome;
  const seen = found === undefined ? state : witness(state, found, revision);
  if (seen === null) return null;
  const written = (value: string): State => ({ value, modRevision: revision, floor: revision });
  switch (action.kind) {
    case "get":
      return { ...seen, floor: revision };
    case "put":
      return written(action.value);
    case "delete":
      if (wrote === (seen.value === null)) return null;
      return { value: null, modRevision: 0, floor: revision };
    case "compareAndSet":
      if (wrote) return recognise(seen, action.expected) && written(action.value);
      return seen.modRevision === action.expected ? null : { ...seen, floor: revision };
    default:
      return action satisfies never;
  }
}

type Found = NonNullable<Answered["outcome"]["found"]>;

/** `state` with what an answer at `revision` tells of it; null when it tells otherwise. */
function witness(state: State, found: Found | null, revision: number): State | null {
  if (found === null) return state.value === null ? state : null;
  if (found.value !== state.value || found.modRevision > revision) return null;
  return recognise(state, found.modRevision);
}

/** `state` as one whose mod revision is `modRevision`; null when it is known to be another. */
function recognise(state: State, modRevision: number): State | null {
  if (state.modRevision === modRevision) return state;
  const isPossible = state.modRevision === null && modRevision > state.floor;
  return isPossible ? { ...state, modRevision } : null;
}

function explain(
  order: readonly Answered[],
  furthest: number,
  unanswered: readonly Operation[],
): { readonly operations: number; readonly report: string } {
  const offender = order[furthest]!;
  const before = order.slice(Math.max(0, furthest - CONTEXT_OPERATIONS), furthest);
  const possible = unanswered.filter(({ call }) => call <= offender.return);
  const title = `the answer of the last of these operations (${furthest} before it are in order)`;
  return {
    operations: furthest,
    report: report(title, [...before, ...possible.slice(-CONTEXT_OPERATIONS), offender]),
  };
}

const report = (what: string, operations: readonly Operation[]): string =>
  [`Not linearizable: ${what}`, ...operations.map((o) => `  ${renderOperation(o)}`)].join("\n");
