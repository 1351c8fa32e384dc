// Owns how JSON stands for protocol buffers, as etcd's gateway (protojson) has it: the types of
// fields, and messages made of them, as zod schemas over the nodes of `json-reader.ts`.
// The rules: names in camelCase or snake_case; null is the default; unknown fields, and unknown
// names of enum values, are passed over; a field given twice, or two members of one oneof, are
// refused.

import { z } from "zod";
import { EMPTY } from "../base/bytes.ts";
import type { Refusal } from "../base/refusal.ts";
import { accept, refuse, type Result } from "../base/result.ts";
import { decodeBase64 } from "./base64.ts";
import { malformed, refusalError, type ApiError } from "./error.ts";
import { positionOf, readJson, type JsonNode } from "./json-reader.ts";
import { describedAs, named, type Describe, type JsonSchema } from "./json-schema.ts";

/** What an issue carries, for `explain`. The name of a `field` is in the path that zod adds. */
type Fault =
  | { readonly at: number; readonly text: string }
  | { readonly at: number; readonly field: string; readonly shown: string }
  | { readonly at: number; readonly refusal: Refusal };

type Context = z.core.ParsePayload;

function report(context: Pick<Context, "issues">, input: unknown, fault: Fault): never {
  context.issues.push({ code: "custom", input, message: "", params: { fault } });
  return z.NEVER;
}

/** Reports a refusal that shows in the form of the message already. */
export const reportRefusal = (context: Pick<Context, "issues">, refusal: Refusal): never =>
  report(context, undefined, { at: Number.MAX_SAFE_INTEGER, refusal });

const node = z.custom<JsonNode>();

/**
 * A scalar field of protobuf type `type`, which takes the JSON that `json` describes; `read` gives
 * null for what cannot be one.
 */
function scalar<T>(type: string, json: JsonSchema, read: (value: JsonNode) => T | null) {
  const schema = node.transform((value, context): T => {
    const parsed = read(value);
    if (parsed !== null) return parsed;
    return report(context, value, { at: value.at, field: type, shown: shownText(value) });
  });
  return describedAs(schema, () => json);
}

const INTEGER_TEXT = "^-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?$";
/** Beyond 2^53 most languages' numbers lose digits: there a string is safe. */
const integerJson = (format: string): JsonSchema => ({
  type: ["string", "integer"],
  format,
  pattern: INTEGER_TEXT,
});

export const bytes = scalar("bytes", { type: "string", contentEncoding: "base64" }, (value) =>
  value.kind === "string" ? decodeBase64(value.value) : null,
).default(EMPTY);

export const bool = scalar("bool", { type: "boolean" }, (value) =>
  value.kind === "boolean" ? value.value : null,
).default(false);

/** All 64 bits, for ids. */
export const int64 = scalar("int64", integerJson("int64"), readInt64).default(0n);

/**
 * A 64-bit integer as a number, for revisions and counts. Nothing reaches 2^51, so what lies
 * beyond is as good as that, and stays exact.
 */
const int64Clamped = scalar("int64", integerJson("int64"), (value) => {
  const integer = readInt64(value);
  return integer === null ? null : Number(clamp(integer));
});
export const int64Number = int64Clamped.default(0);
/** The same where 0 says something else than nothing. */
export const int64NumberOrNull = int64Clamped.nullable().default(null);

/** All 64 bits, for ids of members. */
export const uint64 = scalar("uint64", integerJson("uint64"), readUint64).default(0n);

const enumJson = (names: readonly string[]): JsonSchema => ({
  anyOf: [{ type: "string", enum: names }, { type: "integer" }],
});

/** An enum value's number; `names[0]` is 0, and so on. An unknown name is null: passed over. */
const enumValue = (names: readonly string[]) =>
  scalar<{ readonly number: number | null }>("enum", enumJson(names), (value) => {
    if (value.kind === "string") {
      const number = names.indexOf(value.value);
      return { number: number < 0 ? null : number };
    }
    const integer = value.kind === "number" ? parseInteger(value.digits) : null;
    if (integer === null || BigInt.asIntN(32, integer) !== integer) return null;
    return { number: Number(integer) };
  });

export const enumeration = (names: readonly string[]) =>
  enumValue(names)
    .transform(({ number }) => number ?? 0)
    .default(0);

export const enumerations = (names: readonly string[]) =>
  repeated(enumValue(names)).transform((values) => values.map(({ number }) => number));

/** A repeated field; empty when absent. */
export function repeated<Item extends z.ZodType>(item: Item) {
  const schema = z.preprocess((value: JsonNode, context): readonly JsonNode[] => {
    return value.kind === "array" ? value.items : unexpectedToken(context, value);
  }, z.array(item));
  return describedAs(schema, (describe) => ({ type: "array", items: describe(item) })).default([]);
}

const stringScalar = scalar("string", { type: "string" }, (value) =>
  value.kind === "string" ? value.value : null,
);
export const string = stringScalar.default("");

/** A repeated string. */
export const repeatedText = repeated(stringScalar);

/**
 * A message. The keys of `fields` are JSON names, camelCase; snake_case is accepted for each but
 * those in `camelInProto`, which have no other name. `oneofs` names members that exclude each other,
 * under the oneof's full name.
 */
export function message<Fields extends z.core.$ZodLooseShape>(
  fields: Fields,
  oneofs: Readonly<Record<string, readonly string[]>> = {},
  camelInProto: readonly string[] = [],
) {
  const fieldOf = new Map<string, string>();
  for (const name of Object.keys(fields)) {
    fieldOf.set(name, name);
    if (!camelInProto.includes(name)) fieldOf.set(snakeCase(name), name);
  }
  const oneofOf = new Map<string, string>();
  for (const [oneof, members] of Object.entries(oneofs)) {
    for (const member of members) oneofOf.set(member, oneof);
  }
  const names = { fieldOf, oneofOf };
  const schema = z.preprocess(
    (value: JsonNode, context) => readMembers(value, context, names),
    z.object(fields),
  );
  return describedAs(schema, (describe) => messageJson(fields, oneofs, describe));
}

/** The request of calls that ask for nothing in particular. */
export const emptyMessage = named("EmptyRequest", message({}));

/** The names of fields are those of the .proto files, which answers have too. */
function messageJson(
  fields: z.core.$ZodLooseShape,
  oneofs: Readonly<Record<string, readonly string[]>>,
  describe: Describe,
): JsonSchema {
  const properties: Record<string, JsonSchema> = {};
  for (const [name, field] of Object.entries(fields)) {
    properties[protoName(name)] = describe(field as z.core.$ZodType);
  }
  const exclusive = Object.values(oneofs).map((members) => {
    const present = members.map((name) => ({ required: [protoName(name)] }));
    return { oneOf: [...present, { not: { anyOf: present } }] };
  });
  return { type: "object", properties, ...(exclusive.length === 0 ? {} : { allOf: exclusive }) };
}

/** Fields that are camelCase in the .proto files too. */
const CAMEL_CASE_PROTO = /[A-Z]{2}|^(isLearner|permType|hashedPassword)$/;

const protoName = (name: string): string => (CAMEL_CASE_PROTO.test(name) ? name : snakeCase(name));

/** What is set of a message, under the fields' JSON names. */
function readMembers(
  value: JsonNode,
  context: Pick<Context, "issues">,
  names: {
    readonly fieldOf: ReadonlyMap<string, string>;
    readonly oneofOf: ReadonlyMap<string, string>;
  },
): Record<string, JsonNode> {
  if (value.kind !== "object") return unexpectedToken(context, value);
  const present: Record<string, JsonNode> = {};
  const seen = new Set<string>();
  for (const { name, at, value: member } of value.members) {
    const field = names.fieldOf.get(name);
    if (field === undefined) continue;
    if (seen.has(field)) {
      return report(context, value, { at, text: `duplicate field ${quote(name)}` });
    }
    seen.add(field);
    if (member.kind === "null") continue;
    const oneof = names.oneofOf.get(field);
    if (oneof !== undefined && seen.has(oneof)) {
      const text = `error parsing ${quote(name)}, oneof ${oneof} is already set`;
      return report(context, value, { at, text });
    }
    if (oneof !== undefined) seen.add(oneof);
    present[field] = member;
  }
  return present;
}

/**
 * Reads the first document of `body` as the message that `schema` describes. A blank body is the
 * empty message, as in etcd's gateway; places in errors count from where the document begins.
 */
export function decodeMessage<Schema extends z.ZodType>(
  schema: Schema,
  body: string,
): Result<z.output<Schema>, ApiError> {
  const text = body.replace(/^[ \t\r\n]+/, "");
  const document: Result<JsonNode, string> =
    text === "" ? accept({ kind: "object", at: 0, members: [] }) : readJson(text);
  if (!document.ok) return refuse(malformed(document.error));
  const parsed = schema.safeParse(document.value);
  return parsed.success ? accept(parsed.data) : refuse(explain(parsed.error, text));
}

/** The error of the fault that stands first in the text. */
function explain(error: z.ZodError, text: string): ApiError {
  const faults = error.issues.map((issue) => ({ ...faultOf(issue), path: issue.path }));
  const first = faults.reduce((best, fault) => (fault.at < best.at ? fault : best));
  if ("refusal" in first) return refusalError(first.refusal);
  if ("text" in first) {
    const [prefix, rest] = first.text.startsWith("unexpected")
      ? ["syntax error ", first.text]
      : ["", first.text];
    return malformed(`proto: ${prefix}(${positionOf(text, first.at)}): ${rest}`);
  }
  const name = first.path.findLast((step) => typeof step === "string") ?? "";
  const where = positionOf(text, first.at);
  return malformed(
    `proto: (${where}): invalid value for ${first.field} field ${name}: ${first.shown}`,
  );
}

function faultOf(issue: z.core.$ZodIssue): Fault {
  const fault: unknown = issue.code === "custom" ? issue.params?.["fault"] : undefined;
  return (fault as Fault | undefined) ?? { at: 0, text: "malformed message" };
}

const unexpectedToken = (context: Pick<Context, "issues">, value: JsonNode): never =>
  report(context, value, { at: value.at, text: `unexpected token ${shownText(value)}` });

/** How much of a wrong value an error repeats. */
const SHOWN_MAX = 40;

function shownText(value: JsonNode): string {
  switch (value.kind) {
    case "object":
      return "{";
    case "array":
      return "[";
    case "string":
      return shortenQuoted(value.raw);
    case "number":
      return shorten(value.digits);
    case "boolean":
      return String(value.value);
    case "null":
      return "null";
    default:
      return value satisfies never;
  }
}

const shorten = (text: string): string =>
  text.length <= SHOWN_MAX ? text : `${text.slice(0, SHOWN_MAX)}...`;
/** A string as it was written: the beginning, and its quotation marks. */
const shortenQuoted = (raw: string): string =>
  raw.length <= SHOWN_MAX + 2 ? raw : `${raw.slice(0, SHOWN_MAX + 1)}..."`;
const quote = (text: string): string => JSON.stringify(shorten(text));

const snakeCase = (name: string): string =>
  /^[A-Z]/.test(name) ? name : name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

function readInt64(value: JsonNode): bigint | null {
  const integer = readInteger(value);
  return integer !== null && BigInt.asIntN(64, integer) === integer ? integer : null;
}

function readUint64(value: JsonNode): bigint | null {
  const integer = readInteger(value);
  return integer !== null && BigInt.asUintN(64, integer) === integer ? integer : null;
}

function readInteger(value: JsonNode): bigint | null {
  if (value.kind !== "number" && value.kind !== "string") return null;
  return parseInteger(value.kind === "number" ? value.digits : numberIn(value.value));
}

/**
 * The number that a string holds. As Go's reader has it, it ends before whatever cannot belong to one,
 * and what follows is passed over: `"5]3"` is 5. Blanks around it are refused.
 */
function numberIn(text: string): string {
  if (text.trim() !== text) return "";
  return /^[-+.\w]+/.exec(text)?.[0] ?? "";
}

/** What lies beyond, either way, is as good as this. */
export const NUMBER_MAX = 2 ** 51;
const NUMBER_BOUND = BigInt(NUMBER_MAX);
const clamp = (integer: bigint): bigint => {
  if (integer > NUMBER_BOUND) return NUMBER_BOUND;
  return integer < -NUMBER_BOUND ? -NUMBER_BOUND : integer;
};

const NUMBER = /^(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]{1,6}))?$/;

/** The integer that JSON's number `text` stands for (`1e0` and `1.0` are 1), or null. */
function parseInteger(text: string): bigint | null {
  const match = NUMBER.exec(text);
  if (match === null) return null;
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = match;
  const digits = (whole + fraction).replace(/0+$/, "");
  if (digits === "") return 0n;
  // The decimal point stands after this many digits; 20 are more than 64 bits hold.
  const point = whole.length + Number(exponent);
  const leading = /^0*/.exec(digits)![0].length;
  if (digits.length > point || point - leading > 20) return null;
  return BigInt(`${sign}${digits.padEnd(point, "0")}`);
}
