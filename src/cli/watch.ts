// Owns `edgekeeper watch`.

import type { WatchEvent } from "../client/watch.ts";
import type { ConnectionOptions } from "./connection-options.ts";
import type { Call } from "./declare.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { keyJson } from "./key-view.ts";
import { toJsonBytes, toLine } from "./printable.ts";
import { selectionOf, withStore } from "./store.ts";
import { note, painterFor, writeSlowly, type Terminal } from "./terminal.ts";

export interface WatchOptions extends ConnectionOptions {
  readonly prefix?: true;
  readonly from?: number;
  readonly previous?: true;
  readonly maxEvents?: number;
  readonly json?: true;
}

export const runWatch = (call: Call<WatchOptions>): Promise<ExitCode> =>
  withStore(call, async (store) => {
    const { terminal, args, options } = call;
    const watch = store.watch(selectionOf(args, options), {
      fromRevision: options.from,
      previous: options.previous,
    });
    const stop = (): void => watch.cancel();
    terminal.interrupted.addEventListener("abort", stop, { once: true });
    if (terminal.interrupted.aborted) stop();
    if (terminal.stderr.isTTY === true) note(terminal, "Watching; Ctrl-C ends it.");
    let left = options.maxEvents ?? Number.POSITIVE_INFINITY;
    for await (const { events } of watch) {
      for (const event of events) {
        await writeSlowly(terminal.stdout, `${lineOf(terminal, event, options)}\n`);
        if (--left === 0) return EXIT.ok;
      }
    }
    return EXIT.ok;
  });

function lineOf(terminal: Terminal, event: WatchEvent, { json }: WatchOptions): string {
  const { type, kv, previous } = event;
  if (json === true) {
    const about =
      type === "put" ? keyJson(kv) : { key: toJsonBytes(kv.key), mod_revision: kv.modRevision };
    return JSON.stringify({
      type,
      ...about,
      previous: previous === null ? undefined : keyJson(previous),
    });
  }
  const paint = painterFor(terminal.stdout, terminal.environment);
  const word = type === "put" ? paint("green", "PUT   ") : paint("red", "DELETE");
  const value = type === "put" ? ` ${toLine(kv.value)}` : "";
  const before = previous === null ? "" : ` (was ${toLine(previous.value)})`;
  return `${String(kv.modRevision).padStart(6)} ${word} ${toLine(kv.key)}${value}${before}`;
}
