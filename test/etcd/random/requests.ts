// Owns random requests: few keys, so that they meet; every option, so that they mix; revisions around
// those that exist.

import type { Chance } from "../../sim/chance.ts";
import { b, bytes } from "../sequence.ts";

const KEYS = [...["a", "aa", "ab", "b", "ba", "c", "d"].map(b), bytes(255), bytes(97, 0)];
const FROM_KEY = bytes(0);
const ENDS = [...KEYS, FROM_KEY, FROM_KEY, b("e"), b("ac")];
const VALUES = ["", "x", "y", "zz", "v".repeat(40)].map(b);
/** Leases that histories grant, and one that they never do. */
export const LEASES = ["1", "2", "-3", "9007199254740993"] as const;
const UNKNOWN_LEASE = "99";
const TARGETS = ["VERSION", "CREATE", "MOD", "VALUE", "LEASE"] as const;
const RESULTS = ["EQUAL", "GREATER", "LESS", "NOT_EQUAL"] as const;

type Body = Record<string, unknown>;

/** What a request can know of the history: about how many revisions there are. */
export interface Draw {
  readonly chance: Chance;
  readonly revision: number;
}

/** `value` in that share of cases, else undefined: the field is left out. */
const some = <T>({ chance }: Draw, rate: number, value: () => T): T | undefined =>
  chance.hits(rate) ? value() : undefined;

const key = ({ chance }: Draw): string => (chance.hits(0.01) ? "" : chance.pick(KEYS));
export const anyRevision = ({ chance, revision }: Draw): number => chance.between(-1, revision + 4);
const lease = ({ chance }: Draw): string =>
  chance.hits(0.03) ? UNKNOWN_LEASE : chance.pick(LEASES);
/** Half of the intervals are single keys. */
const interval = (draw: Draw): Body => ({
  key: key(draw),
  range_end: some(draw, 0.5, () => draw.chance.pick(ENDS)),
});

export const rangeBody = (draw: Draw): Body => ({
  ...interval(draw),
  limit: some(draw, 0.2, () => draw.chance.between(-1, 5)),
  revision: some(draw, 0.25, () => anyRevision(draw)),
  sort_order: some(draw, 0.2, () => draw.chance.pick(["NONE", "ASCEND", "DESCEND", "NOSUCH"])),
  // Ties are in no order that anybody promises: keys, creations and modifications have none or few.
  sort_target: some(draw, 0.1, () => "KEY"),
  serializable: some(draw, 0.1, () => true),
  count_only: some(draw, 0.1, () => true),
  min_mod_revision: some(draw, 0.07, () => anyRevision(draw)),
  max_mod_revision: some(draw, 0.07, () => anyRevision(draw)),
  min_create_revision: some(draw, 0.07, () => anyRevision(draw)),
  max_create_revision: some(draw, 0.07, () => anyRevision(draw)),
});

export function putBody(draw: Draw): Body {
  const ignoreValue = draw.chance.hits(0.1);
  const ignoreLease = draw.chance.hits(0.1);
  const isWrong = draw.chance.hits(0.03);
  return {
    key: key(draw),
    value: ignoreValue && !isWrong ? undefined : draw.chance.pick(VALUES),
    lease: ignoreLease && !isWrong ? undefined : some(draw, 0.3, () => lease(draw)),
    prev_kv: some(draw, 0.3, () => true),
    ignore_value: ignoreValue || undefined,
    ignore_lease: ignoreLease || undefined,
  };
}

export const deleteBody = (draw: Draw): Body => ({
  ...interval(draw),
  prev_kv: some(draw, 0.4, () => true),
});

function compareBody(draw: Draw): Body {
  const target = draw.chance.pick(TARGETS);
  const operand = {
    VERSION: () => ({ version: draw.chance.between(0, 4) }),
    CREATE: () => ({ create_revision: draw.chance.hits(0.4) ? 0 : anyRevision(draw) }),
    MOD: () => ({ mod_revision: draw.chance.hits(0.4) ? 0 : anyRevision(draw) }),
    VALUE: () => ({ value: draw.chance.pick(VALUES) }),
    LEASE: () => ({ lease: draw.chance.hits(0.4) ? 0 : lease(draw) }),
  }[target];
  return {
    key: key(draw),
    range_end: some(draw, 0.25, () => draw.chance.pick(ENDS)),
    target,
    result: some(draw, 0.8, () => draw.chance.pick(RESULTS)),
    ...operand(),
  };
}

const several = <T>({ chance }: Draw, max: number, one: () => T): T[] =>
  Array.from({ length: chance.between(0, max + 1) }, one);

/** Nested up to `depth` levels. */
export function txnBody(draw: Draw, depth: number): Body {
  const body = {
    compare: several(draw, 2, () => compareBody(draw)),
    success: several(draw, 4, () => operation(draw, depth)),
    failure: several(draw, 3, () => operation(draw, depth)),
  };
  // Whoever deletes from a key on, and keeps something of a key in there, ends an etcd 3.5.16.
  const text = JSON.stringify(body);
  if (!text.includes(`"range_end":"${FROM_KEY}"`)) return body;
  return JSON.parse(text.replaceAll(/,"ignore_(value|lease)":true/g, "")) as Body;
}

function operation(draw: Draw, depth: number): Body {
  const dice = draw.chance.next();
  if (dice < 0.01) return {};
  if (dice < 0.35) return { request_range: rangeBody(draw) };
  if (dice < 0.65 || depth === 0) return { request_put: putBody(draw) };
  if (dice < 0.85) return { request_delete_range: deleteBody(draw) };
  return { request_txn: txnBody(draw, depth - 1) };
}

export const watchBody = (draw: Draw): Body => ({
  create_request: {
    ...interval(draw),
    start_revision: some(draw, 0.5, () => draw.chance.between(1, draw.revision + 4)),
    prev_kv: some(draw, 0.4, () => true),
    filters: some(draw, 0.2, () => [draw.chance.pick(["NOPUT", "NODELETE"])]),
    watch_id: some(draw, 0.2, () => draw.chance.between(0, 5)),
    fragment: some(draw, 0.1, () => true),
    progress_notify: some(draw, 0.1, () => true),
  },
});

/** Text that was hurt: a character more, less, or another one. */
export function hurt(chance: Chance, text: string): string {
  const at = chance.between(0, text.length);
  const strange = chance.pick(['"', "{", "}", "[", "]", ",", ":", "\\", "0", "x", " ", "\n", "-"]);
  const kept = chance.hits(0.5) ? 0 : 1;
  return text.slice(0, at) + (chance.hits(0.3) ? "" : strange) + text.slice(at + kept);
}
