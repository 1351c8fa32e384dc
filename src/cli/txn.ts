// Owns `edgekeeper txn`.

import { createReadStream } from "node:fs";
import type { TxnResponse, TxnResult } from "../client/txn.ts";
import type { ConnectionOptions } from "./connection-options.ts";
import type { Call } from "./declare.ts";
import { CommandError, EXIT, type ExitCode } from "./exit-codes.ts";
import { cannotRead } from "./import.ts";
import { keyJson, showKeys } from "./key-view.ts";
import { toLine } from "./printable.ts";
import { withStore } from "./store.ts";
import { painterFor, readInput, say, type Terminal } from "./terminal.ts";
import { parseTxn } from "./txn-syntax.ts";

export interface TxnOptions extends ConnectionOptions {
  readonly json?: true;
}

/** Above what a store takes in one request. */
const TEXT_BYTES_MAX = 4_194_304;

export async function runTxn(call: Call<TxnOptions>): Promise<ExitCode> {
  const { terminal, args, options } = call;
  const branches = parseTxn(await textOf(terminal, args[0]));
  return withStore(call, async (store) => {
    const result = await store
      .txn()
      .if(...(branches.compare ?? []))
      .then(...(branches.success ?? []))
      .else(...(branches.failure ?? []))
      .commit();
    if (options.json === true) say(terminal, JSON.stringify(txnJson(result)));
    else showResult(terminal, result);
    return result.succeeded ? EXIT.ok : EXIT.notFound;
  });
}

async function textOf(terminal: Terminal, file = "-"): Promise<string> {
  const stdin =
    file === "-" ? terminal.stdin : (createReadStream(file) as AsyncIterable<Uint8Array>);
  try {
    return new TextDecoder().decode(await readInput({ ...terminal, stdin }, TEXT_BYTES_MAX));
  } catch (error) {
    if (error instanceof RangeError)
      throw new CommandError(EXIT.failed, `${error.message}: too large for a txn.`);
    throw cannotRead(file, error);
  }
}

const txnJson = ({ succeeded, revision, responses }: TxnResult): object => ({
  succeeded,
  revision,
  responses: responses.map((response) => responseJson(response)),
});

function responseJson(response: TxnResponse): object {
  switch (response.kind) {
    case "get": {
      const { kind, revision, count, more, kvs } = response;
      return { kind, revision, count, more, kvs: kvs.map((kv) => keyJson(kv)) };
    }
    case "put": {
      const { kind, revision, previous } = response;
      return { kind, revision, previous: previous === null ? undefined : keyJson(previous) };
    }
    case "delete": {
      const { kind, revision, deleted, previous } = response;
      return { kind, revision, deleted, previous: previous.map((kv) => keyJson(kv)) };
    }
    case "txn":
      return { kind: response.kind, ...txnJson(response) };
    default:
      return response satisfies never;
  }
}

function showResult(terminal: Terminal, { succeeded, responses, revision }: TxnResult): void {
  const paint = painterFor(terminal.stdout, terminal.environment);
  say(
    terminal,
    succeeded
      ? paint("green", "the comparisons hold")
      : paint("yellow", "the comparisons do not hold"),
  );
  for (const response of responses) {
    switch (response.kind) {
      case "get":
        showKeys(terminal, response.kvs);
        break;
      case "put":
        say(
          terminal,
          `put${response.previous === null ? "" : `, was ${toLine(response.previous.value)}`}`,
        );
        break;
      case "delete":
        say(terminal, `${response.deleted} deleted`);
        if (response.previous.length > 0) showKeys(terminal, response.previous);
        break;
      case "txn":
        showResult(terminal, response);
        break;
      default:
        response satisfies never;
    }
  }
  say(terminal, `revision ${revision}`);
}
