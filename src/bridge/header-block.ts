// Owns reading a block of compressed headers (HPACK, RFC 7541) as far as values stand in it literally. What
// it refers to in the tables is passed over, so no table is kept.

export interface Literal {
  /** Of the name, in the static or dynamic table; 0 when the name is literal too. */
  readonly nameIndex: number;
  /** Null when it has characters that no address has. */
  readonly value: string | null;
  /** The value with its length is in the bytes [start, end). */
  readonly start: number;
  readonly end: number;
}

/** Pseudo-headers come first: what is looked for is among the first. */
const FIELDS_MAX = 32;

/** The literal fields from `at` on, until something is not what it should be. */
export function* literalsOf(bytes: Buffer, at: number): Generator<Literal, void, void> {
  let position = at;
  for (let field = 0; field < FIELDS_MAX && position < bytes.length; field++) {
    const first = bytes[position]!;
    const kind = kindOf(first);
    const index = integerAt(bytes, position, kind.prefixBits);
    if (index === null) return;
    position = index.end;
    if (!kind.isLiteral) continue;
    if (index.value === 0) {
      const name = stringAt(bytes, position);
      if (name === null) return;
      position = name.end;
    }
    const value = stringAt(bytes, position);
    if (value === null) return;
    yield { nameIndex: index.value, value: value.text, start: position, end: value.end };
    position = value.end;
  }
}

/** RFC 7541 §6. */
function kindOf(first: number): { readonly prefixBits: number; readonly isLiteral: boolean } {
  if (first & 0x80) return { prefixBits: 7, isLiteral: false };
  if (first & 0x40) return { prefixBits: 6, isLiteral: true };
  if (first & 0x20) return { prefixBits: 5, isLiteral: false };
  return { prefixBits: 4, isLiteral: true };
}

interface Integer {
  readonly value: number;
  readonly end: number;
}

/** RFC 7541 §5.1. Null for what ends early, or is larger than anything in a frame. */
function integerAt(bytes: Buffer, at: number, prefixBits: number): Integer | null {
  const full = 2 ** prefixBits - 1;
  const prefix = bytes[at];
  if (prefix === undefined) return null;
  if ((prefix & full) < full) return { value: prefix & full, end: at + 1 };
  let value = full;
  for (let more = 0; more < 3; more++) {
    const byte = bytes[at + 1 + more];
    if (byte === undefined) return null;
    value += (byte & 0x7f) * 2 ** (7 * more);
    if (byte < 0x80) return { value, end: at + 2 + more };
  }
  return null;
}

/** RFC 7541 §5.2. */
function stringAt(
  bytes: Buffer,
  at: number,
): { readonly text: string | null; readonly end: number } | null {
  const length = integerAt(bytes, at, 7);
  if (length === null || length.end + length.value > bytes.length) return null;
  const end = length.end + length.value;
  const text = bytes.subarray(length.end, end);
  return { text: bytes[at]! & 0x80 ? uncompressed(text) : text.toString("latin1"), end };
}

/** By length in bits, in the order of their codes: those of at most 14 bits (RFC 7541, Appendix B). */
const CHARACTERS: Readonly<Record<number, string>> = {
  5: "012aceiost",
  6: " %-./3456789=A_bdfghlmnpru",
  7: ":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz",
  8: "&*,;XZ",
  10: `!"()?`,
  11: "'+|",
  12: "#>",
  13: "\0$@[]~",
  14: "^}",
};

/** By a one followed by the bits of the code, so that leading zeros count. */
const CODES = codes();

/** A canonical code: each length goes on where the one before has ended. */
function codes(): ReadonlyMap<number, string> {
  const found = new Map<number, string>();
  let next = 0;
  for (let bits = 5; bits <= 14; bits++) {
    for (const character of CHARACTERS[bits] ?? "") found.set(2 ** bits + next++, character);
    next *= 2;
  }
  return found;
}

function uncompressed(bytes: Buffer): string | null {
  let text = "";
  let code = 1;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      code = code * 2 + ((byte >> bit) & 1);
      const character = CODES.get(code);
      if (character === undefined) {
        if (code >= 2 ** 15) return null;
        continue;
      }
      text += character;
      code = 1;
    }
  }
  // What is left is padding: ones, fewer than eight.
  return code < 2 ** 8 ? text : null;
}
