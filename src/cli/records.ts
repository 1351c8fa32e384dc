// Owns what travels between stores and files: leases, then the keys that are of them; and how each is
// one line of a file.
//
//   {"edgekeeper_export":1,"revision":"12","keys":3}
//   {"lease":"7","ttl":60}
//   {"key":"services/api/1","value":"http://10.0.0.1","lease":"7"}
//   {"key":"logo","value":{"base64":"iVBORw=="}}
//   {"key":"motto","value":"per aspera"}
//   {"end":true,"keys":3}

import { CommandError, EXIT } from "./exit-codes.ts";
import type { StoredKey } from "./gateway.ts";
import { fromJsonBytes, toJsonBytes } from "./printable.ts";

export type StoreRecord =
  | { readonly kind: "begin"; readonly revision: string; readonly keys: number }
  /** Before the first key that is of it. */
  | { readonly kind: "lease"; readonly id: bigint; readonly ttlSeconds: number }
  | ({ readonly kind: "key" } & StoredKey);

const FORMAT = 1;
/** Above any key and value in base64. */
const LINE_CHARACTERS_MAX = 8_388_608;

/** The line of a record, with its line break. */
export function lineOf(record: StoreRecord): string {
  return `${JSON.stringify(jsonOf(record))}\n`;
}

export const lastLine = (keys: number): string => `${JSON.stringify({ end: true, keys })}\n`;

function jsonOf(record: StoreRecord): object {
  switch (record.kind) {
    case "begin":
      return { edgekeeper_export: FORMAT, revision: record.revision, keys: record.keys };
    case "lease":
      return { lease: String(record.id), ttl: record.ttlSeconds };
    case "key":
      return {
        key: toJsonBytes(record.key),
        value: toJsonBytes(record.value),
        lease: record.lease === null ? undefined : String(record.lease),
      };
    default:
      return record satisfies never;
  }
}

/**
 * The records of a file, without its last line.
 *
 * @throws CommandError when it is none, or was cut off.
 */
export async function* recordsIn(
  chunks: AsyncIterable<Uint8Array | string>,
): AsyncGenerator<StoreRecord, void, void> {
  let number = 0;
  let keys = 0;
  let end: number | null = null;
  for await (const line of linesIn(chunks)) {
    number++;
    if (line.trim() === "") continue;
    if (end !== null) throw damaged(number, "something follows its end");
    const parsed = parseLine(line, number);
    if (typeof parsed === "number") {
      end = parsed;
      continue;
    }
    if ((number === 1) !== (parsed.kind === "begin")) {
      throw damaged(number, "it does not begin as an export does");
    }
    if (parsed.kind === "key") keys++;
    yield parsed;
  }
  if (end === null) throw damaged(number, "it was cut off: its last line is missing");
  if (end !== keys) throw damaged(number, `it has ${keys} keys, and should have ${end}`);
}

const damaged = (line: number, why: string): CommandError =>
  new CommandError(EXIT.failed, `Line ${line} of the export: ${why}.`);

/** A record, or the number of keys that the last line tells. */
function parseLine(line: string, number: number): StoreRecord | number {
  let json: Readonly<Record<string, unknown>>;
  try {
    json = JSON.parse(line) as typeof json;
  } catch {
    throw damaged(number, "it is no JSON");
  }
  const record = recordOf(json ?? {});
  if (record === null) throw damaged(number, "it is neither a key nor a lease");
  return record;
}

function recordOf(json: Readonly<Record<string, unknown>>): StoreRecord | number | null {
  if (json["edgekeeper_export"] !== undefined) {
    if (json["edgekeeper_export"] !== FORMAT) return null;
    return { kind: "begin", revision: String(json["revision"]), keys: Number(json["keys"]) };
  }
  if (json["end"] === true) return Number(json["keys"]);
  const lease = leaseIn(json["lease"]);
  if (json["key"] === undefined) {
    const ttlSeconds = Number(json["ttl"]);
    if (lease === null || !Number.isSafeInteger(ttlSeconds)) return null;
    return { kind: "lease", id: lease, ttlSeconds };
  }
  const key = fromJsonBytes(json["key"]);
  const value = fromJsonBytes(json["value"] ?? "");
  if (key === null || key.length === 0 || value === null) return null;
  return { kind: "key", key, value, lease };
}

const leaseIn = (json: unknown): bigint | null =>
  typeof json === "string" && /^-?\d{1,20}$/.test(json) ? BigInt(json) : null;

async function* linesIn(
  chunks: AsyncIterable<Uint8Array | string>,
): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let rest = "";
  for await (const chunk of chunks) {
    rest += typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true });
    const lines = rest.split("\n");
    rest = lines.pop()!;
    if (rest.length > LINE_CHARACTERS_MAX)
      throw damaged(1, "a line is longer than any key and value");
    yield* lines;
  }
  if (rest !== "") yield rest;
}
