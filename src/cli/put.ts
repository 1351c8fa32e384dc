// Owns `edgekeeper put`.

import type { Edgekeeper } from "../client/edgekeeper.ts";
import type { KeyValue } from "../client/key-value.ts";
import { compare, op } from "../client/txn.ts";
import type { ConnectionOptions } from "./connection-options.ts";
import type { Call } from "./declare.ts";
import { CommandError, EXIT, usageError, type ExitCode } from "./exit-codes.ts";
import { keyJson } from "./key-view.ts";
import { toLine } from "./printable.ts";
import { withStore } from "./store.ts";
import { readInput, say, type Terminal } from "./terminal.ts";

export interface PutOptions extends ConnectionOptions {
  readonly lease?: bigint;
  readonly previous?: true;
  readonly ifAbsent?: true;
  readonly ifRevision?: number;
  readonly json?: true;
}

/** Above what a store takes in one write. */
const VALUE_BYTES_MAX = 2_097_152;

interface Done {
  readonly revision: number;
  readonly previous: KeyValue | null;
}

export async function runPut(call: Call<PutOptions>): Promise<ExitCode> {
  const { terminal, args, options } = call;
  const [key = "", text = ""] = args;
  if (options.ifAbsent === true && options.ifRevision !== undefined) {
    throw usageError("--if-absent and --if-revision exclude each other: leave one of them out.");
  }
  const value = text === "-" ? await valueFrom(terminal) : new TextEncoder().encode(text);
  return withStore(call, async (store) => {
    const { revision, previous } = await put(store, { key, value, options });
    if (options.json === true) {
      const before = previous === null ? undefined : keyJson(previous);
      say(terminal, JSON.stringify({ revision, previous: before }));
    } else {
      say(terminal, `revision ${revision}`);
      if (previous !== null) say(terminal, `was ${toLine(previous.value)}`);
    }
    return EXIT.ok;
  });
}

async function valueFrom(terminal: Terminal): Promise<Uint8Array> {
  try {
    return await readInput(terminal, VALUE_BYTES_MAX);
  } catch (error) {
    if (error instanceof RangeError)
      throw new CommandError(EXIT.failed, `${error.message}: too large for a value.`);
    throw error;
  }
}

/** @throws CommandError when the condition does not hold. */
async function put(
  store: Edgekeeper,
  {
    key,
    value,
    options,
  }: { readonly key: string; readonly value: Uint8Array; readonly options: PutOptions },
): Promise<Done> {
  const { lease, previous, ifAbsent, ifRevision } = options;
  if (ifAbsent !== true && ifRevision === undefined)
    return store.put(key, value, { lease, previous });
  const condition =
    ifRevision === undefined ? compare.missing(key) : compare.modRevision(key).equals(ifRevision);
  const result = await store
    .txn()
    .if(condition)
    .then(op.put(key, value, { lease, previous }))
    .else(op.get(key, { keysOnly: true }))
    .commit();
  const [response] = result.responses;
  if (response?.kind === "put") return { revision: result.revision, previous: response.previous };
  const [kv] = response?.kind === "get" ? response.kvs : [];
  const now = kv === undefined ? "it is not there" : `it was changed at revision ${kv.modRevision}`;
  throw new CommandError(EXIT.notFound, `${key} was not written: ${now}.`);
}
