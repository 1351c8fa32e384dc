// Owns what of an answer is compared: without ids, terms, times and sizes that no two servers share.

import { isObject, type Json, type JsonObject } from "./json.ts";

/** Members of a header that differ between any two servers. */
const HEADER_IDS = ["cluster_id", "member_id", "raft_term"] as const;
/** Members whose values differ between any two servers. */
const UNLIKE = new Set([
  "dbSize",
  "dbSizeInUse",
  "raftIndex",
  "raftAppliedIndex",
  "raftTerm",
  "token",
  "blob",
  "remaining_bytes",
]);
const ANY = "*";
/** Texts of at least this length stand for themselves wherever they occur. */
const DISTINCT_LENGTH_MIN = 6;

/** Values that a sequence has kept, by name. */
export type Kept = ReadonlyMap<string, string>;

/** `value` with everything that is only this server's made the same on all. */
export function normalise(value: Json, kept: Kept): Json {
  if (typeof value === "string") return normaliseText(value, kept);
  if (Array.isArray(value)) return value.map((item) => normalise(item as Json, kept));
  if (!isObject(value)) return value;
  const entries = Object.entries(value).map(([name, member]): [string, Json] => {
    if (UNLIKE.has(name)) return [name, ANY];
    if (name === "header" && isObject(member)) return [name, normaliseHeader(member)];
    // The keys of a lease come in no order.
    if (name === "keys" && isTexts(member)) return [name, member.toSorted()];
    const plain = normalise(member, kept);
    // Nor do alarms.
    return [name, name === "alarms" && Array.isArray(plain) ? sorted(plain) : plain];
  });
  return Object.fromEntries(entries);
}

const sorted = (items: readonly Json[]): Json[] =>
  items.toSorted((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1));

const isTexts = (value: Json): value is readonly string[] =>
  Array.isArray(value) && value.every((item) => typeof item === "string");

/** Ids that are all there go without saying; those of an incomplete header stay, as `*`. */
function normaliseHeader(header: JsonObject): Json {
  const isComplete = HEADER_IDS.every((name) => isPositive(header[name]));
  const isId = (name: string): boolean => (HEADER_IDS as readonly string[]).includes(name);
  const members = Object.entries(header)
    .filter(([name]) => !(isComplete && isId(name)))
    .map(([name, value]): [string, Json] => [name, isId(name) ? ANY : value]);
  return Object.fromEntries(members);
}

const isPositive = (value: Json | undefined): boolean =>
  typeof value === "string" && /^[1-9][0-9]*$/.test(value);

/** protobuf's messages hold no-break spaces in some builds, so that nobody compares them. */
function normaliseText(text: string, kept: Kept): string {
  let plain = text.replaceAll("\u00a0", " ");
  for (const [name, value] of kept) {
    if (plain === value) return `$${name}`;
    if (value.length >= DISTINCT_LENGTH_MIN) plain = plain.replaceAll(value, `$${name}`);
  }
  return CHECKS.test(plain) ? inOrder(plain) : plain;
}

/** The checks of a readiness report come in no order. */
const CHECKS = /^\[[-+]\]/u;
const inOrder = (report: string): string => {
  const lines = report.split("\n");
  const isCheck = (line: string): boolean => CHECKS.test(line);
  return [...lines.filter(isCheck).toSorted(), ...lines.filter((line) => !isCheck(line))].join(
    "\n",
  );
};
