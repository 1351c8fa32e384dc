// Owns the words in which a transaction is written, which are etcdctl's:
//
//   mod("lock") = "0"            comparisons: value, create, mod, ver, lease; = != < >
//
//   put lock me --lease=7        if all of them hold
//
//   get lock                     if not
//
// A line may be quoted as in Go: "a b", "\n", "\x00"; `as it is` in backquotes.

import { parseArgs } from "node:util";
import {
  compare,
  op,
  type Compare,
  type Comparison,
  type Op,
  type TxnBranches,
} from "../client/txn.ts";
import { readId, wholeNumber } from "./declare.ts";
import { usageError } from "./exit-codes.ts";

/** Reads the whole of it. @throws CommandError naming the line that it does not understand. */
export function parseTxn(text: string): Required<TxnBranches> {
  const sections: string[][] = [[], [], []];
  const starts: number[] = [1, 1, 1];
  let section = 0;
  for (const [at, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() !== "") {
      if (section > 2) throw usageError(`Line ${at + 1} of the txn: there are three parts only.`);
      if (sections[section]!.length === 0) starts[section] = at + 1;
      sections[section]!.push(line.trim());
    } else section++;
  }
  const read = <Item>(which: number, parse: (line: string) => Item): Item[] =>
    sections[which]!.map((line, at) => reading(line, starts[which]! + at, parse));
  return { compare: read(0, parseCompare), success: read(1, parseOp), failure: read(2, parseOp) };
}

function reading<Item>(line: string, number: number, parse: (line: string) => Item): Item {
  try {
    return parse(line);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw usageError(`Line ${number} of the txn, ${line}: ${why}`);
  }
}

const COMPARE =
  /^(\w+)\s*\(\s*("(?:[^"\\]|\\.)*"|`[^`]*`)\s*\)\s*(=|!=|<|>)\s*("(?:[^"\\]|\\.)*"|`[^`]*`|\S+)$/;

function parseCompare(line: string): Compare {
  const [, target = "", key = "", operator = "", operand = ""] = COMPARE.exec(line) ?? [];
  if (target === "") throw new Error('it is no comparison; one is: mod("key") = "0"');
  const keys = unquote(key);
  const given = operand.startsWith('"') || operand.startsWith("`") ? unquote(operand) : operand;
  switch (target) {
    case "ver":
    case "version":
      return compared(compare.version(keys), operator, numberIn(given));
    case "c":
    case "create":
    case "createrevision":
      return compared(compare.createRevision(keys), operator, numberIn(given));
    case "m":
    case "mod":
    case "modrevision":
      return compared(compare.modRevision(keys), operator, numberIn(given));
    case "val":
    case "value":
      return compared(compare.value(keys), operator, given);
    case "lease":
      return compared(compare.lease(keys), operator, readId(textOf(given)));
    default:
      throw new Error(`${target} cannot be compared: value, create, mod, ver and lease can`);
  }
}

function compared<Operand>(what: Comparison<Operand>, operator: string, operand: Operand): Compare {
  if (operator === "=") return what.equals(operand);
  if (operator === "!=") return what.notEquals(operand);
  return operator === "<" ? what.lessThan(operand) : what.greaterThan(operand);
}

const textOf = (given: string | Uint8Array): string =>
  typeof given === "string" ? given : new TextDecoder().decode(given);
const numberIn = (given: string | Uint8Array): number => wholeNumber(0)(textOf(given));

function parseOp(line: string): Op {
  const [verb = "", ...words] = wordsIn(line);
  switch (textOf(verb)) {
    case "put":
      return parsePut(words);
    case "get":
      return parseGet(words);
    case "del":
      return parseDelete(words);
    default:
      throw new Error("a line begins with put, get or del");
  }
}

type Word = string | Uint8Array;

/** Options are read from the words that are text; what is quoted stays as it is. */
function parseWords<Options extends NonNullable<Parameters<typeof parseArgs>[0]>["options"]>(
  words: readonly Word[],
  options: Options,
): {
  readonly values: Readonly<Record<string, string | boolean | undefined>>;
  readonly positionals: readonly Word[];
} {
  const held = words.map((word, at) => (typeof word === "string" ? word : `\u0000${at}`));
  const { values, positionals } = parseArgs({
    args: held,
    options: options ?? {},
    allowPositionals: true,
  });
  const positional = (text: string): Word =>
    text.startsWith("\u0000") ? words[Number(text.slice(1))]! : text;
  return {
    values,
    positionals: positionals.map((text) => positional(text)),
  };
}

const FLAG = { type: "boolean" } as const;
const TEXT = { type: "string" } as const;
const numberOf = (value: string | boolean | undefined): number | undefined =>
  typeof value === "string" ? wholeNumber(0)(value) : undefined;

function parsePut(words: readonly Word[]): Op {
  const { values, positionals } = parseWords(words, {
    lease: TEXT,
    "prev-kv": FLAG,
    "ignore-value": FLAG,
    "ignore-lease": FLAG,
  });
  const keepValue = values["ignore-value"] === true;
  const [key, value] = positionals;
  if (key === undefined || (value === undefined) !== keepValue || positionals.length > 2) {
    throw new Error("put takes a key and a value");
  }
  return op.put(key, value ?? "", {
    lease: typeof values["lease"] === "string" ? readId(values["lease"]) : undefined,
    previous: values["prev-kv"] === true,
    keepValue,
    keepLease: values["ignore-lease"] === true,
  });
}

const SORT_BY = {
  KEY: "key",
  VERSION: "version",
  CREATE: "createRevision",
  MODIFY: "modRevision",
  VALUE: "value",
} as const;

function parseGet(words: readonly Word[]): Op {
  const { values, positionals } = parseWords(words, {
    prefix: FLAG,
    "from-key": FLAG,
    limit: TEXT,
    rev: TEXT,
    order: TEXT,
    "sort-by": TEXT,
    "keys-only": FLAG,
    "count-only": FLAG,
  });
  const sortBy = String(values["sort-by"] ?? "KEY").toUpperCase();
  if (!Object.hasOwn(SORT_BY, sortBy))
    throw new Error("get sorts by KEY, VERSION, CREATE, MODIFY or VALUE");
  const order = values["order"] === undefined ? undefined : String(values["order"]).toUpperCase();
  return op.get(selectionIn(positionals, values), {
    limit: numberOf(values["limit"]),
    revision: numberOf(values["rev"]),
    keysOnly: values["keys-only"] === true,
    countOnly: values["count-only"] === true,
    order: order === undefined ? undefined : order.startsWith("DESC") ? "descend" : "ascend",
    sortBy: values["sort-by"] === undefined ? undefined : SORT_BY[sortBy as keyof typeof SORT_BY],
  });
}

function parseDelete(words: readonly Word[]): Op {
  const { values, positionals } = parseWords(words, {
    prefix: FLAG,
    "from-key": FLAG,
    "prev-kv": FLAG,
  });
  return op.delete(selectionIn(positionals, values), { previous: values["prev-kv"] === true });
}

function selectionIn(
  [key, end, ...more]: readonly Word[],
  values: Readonly<Record<string, string | boolean | undefined>>,
): Parameters<typeof op.get>[0] {
  if (key === undefined || more.length > 0)
    throw new Error("it takes a key, and may take a range-end");
  if (values["prefix"] === true) return { prefix: key };
  if (values["from-key"] === true) return { from: key };
  return end === undefined ? { key } : { from: key, to: end };
}

const WORD = /"(?:[^"\\]|\\.)*"|`[^`]*`|[^\s"`]+|["`]/g;

/** Words between blanks; what was quoted comes as bytes, so that nothing takes it for an option. */
function wordsIn(line: string): Word[] {
  return [...line.matchAll(WORD)].map(([word]) => {
    if (word === '"' || word === "`") throw new Error("a quote is not closed");
    return /^["`]/.test(word) ? unquote(word) : word;
  });
}

const ESCAPES: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
  "\\": 92,
  '"': 34,
  "'": 39,
};
const ESCAPE =
  /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))|[^\\]+/gsu;

/** The bytes of a quoted word, as Go reads it. */
function unquote(quoted: string): Uint8Array {
  const body = quoted.slice(1, -1);
  if (quoted.startsWith("`")) return new TextEncoder().encode(body);
  const pieces = [...body.matchAll(ESCAPE)].map(([piece, byte, short, long, octal, letter]) => {
    const code = short ?? long;
    if (code !== undefined)
      return new TextEncoder().encode(String.fromCodePoint(Number.parseInt(code, 16)));
    if (byte !== undefined) return Uint8Array.of(Number.parseInt(byte, 16));
    if (octal !== undefined) return Uint8Array.of(Number.parseInt(octal, 8));
    if (letter === undefined) return new TextEncoder().encode(piece);
    const known = ESCAPES[letter];
    if (known === undefined) throw new Error(`\\${letter} is no escape`);
    return Uint8Array.of(known);
  });
  return Uint8Array.from(Buffer.concat(pieces));
}
