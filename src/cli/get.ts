// Owns `edgekeeper get`.

import type { Edgekeeper } from "../client/edgekeeper.ts";
import type { RangeOptions, RangeResult } from "../client/operations.ts";
import type { ConnectionOptions } from "./connection-options.ts";
import type { Call } from "./declare.ts";
import { CommandError, EXIT, type ExitCode } from "./exit-codes.ts";
import { keyJson, showKeys } from "./key-view.ts";
import { toLine } from "./printable.ts";
import { selectionOf, withStore } from "./store.ts";
import { say, writeSlowly, type Terminal } from "./terminal.ts";

export interface GetOptions extends ConnectionOptions {
  readonly prefix?: true;
  readonly limit?: number;
  readonly revision?: number;
  readonly serializable?: true;
  readonly keysOnly?: true;
  readonly countOnly?: true;
  readonly order?: "ascend" | "descend";
  readonly sortBy?: keyof typeof SORT_BY;
  /** Of `--no-newline`. */
  readonly newline: boolean;
  readonly json?: true;
}

const SORT_BY = {
  key: "key",
  version: "version",
  create: "createRevision",
  mod: "modRevision",
  value: "value",
} as const;

export const runGet = (call: Call<GetOptions>): Promise<ExitCode> =>
  withStore(call, async (store) => {
    const { terminal, args, options } = call;
    const found = await read(store, call);
    if (options.json === true) {
      const { revision, count, more, kvs } = found;
      say(terminal, JSON.stringify({ revision, count, more, kvs: kvs.map((kv) => keyJson(kv)) }));
    } else if (options.countOnly === true) say(terminal, String(found.count));
    else if (options.keysOnly === true) for (const { key } of found.kvs) say(terminal, toLine(key));
    else if (isOne(call)) await showValue(terminal, args[0]!, found, options.newline);
    else showKeys(terminal, found.kvs);
    return found.count === 0 && isOne(call) && options.countOnly !== true ? EXIT.notFound : EXIT.ok;
  });

const isOne = ({ args, options }: Call<GetOptions>): boolean =>
  args.length === 1 && options.prefix !== true;

/** Pages follow one another at one revision; a limit of the caller's makes one. */
async function read(store: Edgekeeper, { args, options }: Call<GetOptions>): Promise<RangeResult> {
  const { limit, revision, serializable, keysOnly, countOnly, order, sortBy } = options;
  const range: RangeOptions = {
    limit,
    revision,
    serializable,
    keysOnly,
    countOnly,
    order,
    sortBy: sortBy === undefined ? undefined : SORT_BY[sortBy],
  };
  return store.range(selectionOf(args, options), range);
}

async function showValue(
  terminal: Terminal,
  key: string,
  { kvs: [kv] }: RangeResult,
  newline: boolean,
): Promise<void> {
  if (kv === undefined) {
    throw new CommandError(
      EXIT.notFound,
      `There is no key ${toLine(new TextEncoder().encode(key))}.`,
    );
  }
  await writeSlowly(terminal.stdout, kv.value);
  if (newline) await writeSlowly(terminal.stdout, "\n");
}
