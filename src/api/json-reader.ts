// Owns reading JSON text into nodes that remember where they stood. `JSON.parse` would round 64-bit
// ids, keep one of two equal names in silence, and refuse what follows the first document; etcd's
// gateway does none of these. The texts of errors are those of Go's encoding/json.

import { encodeUtf8 } from "../base/bytes.ts";
import { accept, refuse, type Result } from "../base/result.ts";

/** A JSON value and the offset of its first character. Numbers keep their digits as text. */
export type JsonNode =
  | { readonly kind: "object"; readonly at: number; readonly members: readonly JsonMember[] }
  | { readonly kind: "array"; readonly at: number; readonly items: readonly JsonNode[] }
  | {
      readonly kind: "string";
      readonly at: number;
      readonly value: string;
      /** As it is written, with its quotation marks. */
      readonly raw: string;
    }
  | { readonly kind: "number"; readonly at: number; readonly digits: string }
  | { readonly kind: "boolean"; readonly at: number; readonly value: boolean }
  | { readonly kind: "null"; readonly at: number };

export interface JsonMember {
  readonly name: string;
  readonly at: number;
  readonly value: JsonNode;
}

/**
 * Levels of nesting that are read: a txn of 128 nested ones takes 4 each. Deeper text would only
 * grow the stack.
 */
const DEPTH_MAX = 600;

/** Values in one document: a txn of every operation that is allowed has a few thousand. */
const NODES_MAX = 20_000;

/** The first document of `text`; what follows it is not looked at. */
export function readJson(text: string): Result<JsonNode, string> {
  try {
    return accept(new JsonReader(text).value(0));
  } catch (error) {
    if (error instanceof JsonSyntaxError) return refuse(error.message);
    throw error;
  }
}

/** Whether text can never become JSON, whatever is added to it. */
export function isBeyondRepair(text: string): boolean {
  const read = readJson(text);
  return !read.ok && read.error !== UNFINISHED;
}

const UNFINISHED = "unexpected EOF";

/** Text that is not JSON. Never leaves this file. */
class JsonSyntaxError extends Error {}

const WHITESPACE = /[ \t\r\n]*/y;
/** All from the space on, but the quotation mark and the backslash. */
const PLAIN_CHARACTERS = /[ !#-[\]-\uffff]*/y;
const DIGITS = /[0-9]+/y;
const HEXADECIMAL = /^[0-9a-fA-F]$/;

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

class JsonReader {
  readonly #text: string;
  #offset = 0;
  #nodes = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(depth: number): JsonNode {
    if (depth > DEPTH_MAX) throw new JsonSyntaxError("exceeded max depth");
    if (++this.#nodes > NODES_MAX) throw new JsonSyntaxError("exceeded max number of values");
    const at = this.#peekAt();
    const first = this.#text[at];
    switch (first) {
      case "{":
        return this.#object(at, depth);
      case "[":
        return this.#array(at, depth);
      case '"':
        return this.#stringNode(at);
      case "t":
        return this.#literal("true", { kind: "boolean", at, value: true });
      case "f":
        return this.#literal("false", { kind: "boolean", at, value: false });
      case "n":
        return this.#literal("null", { kind: "null", at });
      default:
        if (first === "-" || isDigit(first)) return { kind: "number", at, digits: this.#number() };
        throw this.#unexpected("looking for beginning of value");
    }
  }

  #object(at: number, depth: number): JsonNode {
    const members: JsonMember[] = [];
    this.#offset++;
    if (this.#text[this.#peekAt()] === "}") {
      this.#offset++;
      return { kind: "object", at, members };
    }
    for (;;) {
      const nameAt = this.#peekAt();
      if (this.#text[nameAt] !== '"') {
        throw this.#unexpected("looking for beginning of object key string");
      }
      const name = this.#string();
      if (this.#next() !== ":") throw this.#unexpectedBefore("after object key");
      members.push({ name, at: nameAt, value: this.value(depth + 1) });
      const separator = this.#next();
      if (separator === "}") return { kind: "object", at, members };
      if (separator !== ",") throw this.#unexpectedBefore("after object key:value pair");
    }
  }

  #array(at: number, depth: number): JsonNode {
    const items: JsonNode[] = [];
    this.#offset++;
    if (this.#text[this.#peekAt()] === "]") {
      this.#offset++;
      return { kind: "array", at, items };
    }
    for (;;) {
      items.push(this.value(depth + 1));
      const separator = this.#next();
      if (separator === "]") return { kind: "array", at, items };
      if (separator !== ",") throw this.#unexpectedBefore("after array element");
    }
  }

  #stringNode(at: number): JsonNode {
    const value = this.#string();
    return { kind: "string", at, value, raw: this.#text.slice(at, this.#offset) };
  }

  #string(): string {
    const start = this.#offset++;
    let value = this.#match(PLAIN_CHARACTERS);
    for (;;) {
      const stop = this.#text[this.#offset];
      if (stop !== '"' && stop !== "\\") throw this.#unexpected("in string literal");
      this.#offset++;
      if (stop === '"') return this.#wellFormed(value, start);
      value += this.#escape() + this.#match(PLAIN_CHARACTERS);
    }
  }

  /** Half a surrogate pair is no text: it could not be given back as it came. */
  #wellFormed(value: string, start: number): string {
    if (value.isWellFormed()) return value;
    throw new JsonSyntaxError(`proto: ${loneSurrogate(this.#text, start)}`);
  }

  #escape(): string {
    const letter = this.#text[this.#offset];
    if (letter === "u") return this.#unicodeEscape();
    const character = letter === undefined ? undefined : ESCAPES[letter];
    if (character === undefined) throw this.#unexpected("in string escape code");
    this.#offset++;
    return character;
  }

  #unicodeEscape(): string {
    const start = ++this.#offset;
    for (; this.#offset < start + 4; this.#offset++) {
      if (!HEXADECIMAL.test(this.#text[this.#offset] ?? "")) {
        throw this.#unexpected("in \\u hexadecimal character escape");
      }
    }
    return String.fromCharCode(Number.parseInt(this.#text.slice(start, start + 4), 16));
  }

  #number(): string {
    const start = this.#offset;
    if (this.#text[this.#offset] === "-") this.#offset++;
    if (this.#text[this.#offset] === "0") this.#offset++;
    else this.#digits("in numeric literal");
    if (this.#text[this.#offset] === ".") {
      this.#offset++;
      this.#digits("after decimal point in numeric literal");
    }
    const exponent = this.#text[this.#offset];
    if (exponent === "e" || exponent === "E") {
      this.#offset++;
      const sign = this.#text[this.#offset];
      if (sign === "+" || sign === "-") this.#offset++;
      this.#digits("in exponent of numeric literal");
    }
    return this.#text.slice(start, this.#offset);
  }

  #digits(context: string): void {
    if (this.#match(DIGITS) === "") throw this.#unexpected(context);
  }

  #literal(word: string, node: JsonNode): JsonNode {
    for (const letter of word) {
      if (this.#text[this.#offset] !== letter) {
        throw this.#unexpected(`in literal ${word} (expecting '${letter}')`);
      }
      this.#offset++;
    }
    return node;
  }

  /** Matches a sticky pattern here and steps over it. */
  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#offset;
    const [matched] = pattern.exec(this.#text) ?? [""];
    this.#offset += matched.length;
    return matched;
  }

  /** Steps over whitespace; the offset of the next character. */
  #peekAt(): number {
    this.#match(WHITESPACE);
    return this.#offset;
  }

  /** Takes the next character that is not whitespace. */
  #next(): string | undefined {
    this.#match(WHITESPACE);
    return this.#text[this.#offset++];
  }

  #unexpectedBefore(context: string): JsonSyntaxError {
    this.#offset--;
    return this.#unexpected(context);
  }

  #unexpected(context: string): JsonSyntaxError {
    const point = this.#text.codePointAt(this.#offset);
    if (point === undefined) return new JsonSyntaxError(UNFINISHED);
    const quoted = quoteCharacter(String.fromCodePoint(point));
    return new JsonSyntaxError(`invalid character '${quoted}' ${context}`);
  }
}

/** Go's short escapes, and the two characters that its encoding/json sees to itself. */
const QUOTED: Readonly<Record<string, string>> = {
  "'": "\\'",
  "\\": "\\\\",
  "\u0007": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
};

/** A character as Go's encoding/json names it: by its first byte, when it has several. */
function quoteCharacter(character: string): string {
  const [byte] = encodeUtf8(character);
  const code = byte!.toString(16).padStart(2, "0");
  if (byte! < 0x20 || byte === 0x7f) return QUOTED[character] ?? `\\x${code}`;
  return QUOTED[character] ?? String.fromCharCode(byte!);
}

const isDigit = (character: string | undefined): boolean =>
  character !== undefined && character >= "0" && character <= "9";

const ESCAPE = /\\(?:u([0-9a-fA-F]{4})|.)/g;
const PAIR = /^\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}/;
/** Bytes behind a surrogate in which the other half of its pair is looked for: one escape. */
const ESCAPE_BYTES = 6;

/** What protojson says of the half pair that the string from `start` on has. */
function loneSurrogate(text: string, start: number): string {
  ESCAPE.lastIndex = start;
  for (let found = ESCAPE.exec(text); found !== null; found = ESCAPE.exec(text)) {
    const unit = Number.parseInt(found[1] ?? "0", 16);
    if (unit < 0xd800 || unit > 0xdfff) continue;
    if (PAIR.test(text.slice(found.index))) {
      ESCAPE.lastIndex = found.index + 2 * ESCAPE_BYTES;
      continue;
    }
    const behind = text.slice(ESCAPE.lastIndex, ESCAPE.lastIndex + ESCAPE_BYTES);
    if (behind.length < ESCAPE_BYTES) break;
    const place = positionOf(text, start);
    return `syntax error (${place}): invalid escape code ${JSON.stringify(behind)} in string`;
  }
  return "unexpected EOF";
}

/** Go's way to name a place: `line 1:9`, both from 1. */
export function positionOf(text: string, at: number): string {
  const before = text.slice(0, at);
  const line = before.split("\n").length;
  const column = Array.from(before.slice(before.lastIndexOf("\n") + 1)).length + 1;
  return `line ${line}:${column}`;
}
