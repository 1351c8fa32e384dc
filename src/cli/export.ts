// Owns `edgekeeper export`: keys into a file, to standard output, or into a running etcd.

import { rename, rm } from "node:fs/promises";
import type { Call } from "./declare.ts";
import { connectionOf, type ConnectionOptions } from "./connection-options.ts";
import { Deployment } from "./deployment.ts";
import { CommandError, EXIT, usageError, type ExitCode } from "./exit-codes.ts";
import { gatewayOf, gatewayOfEtcd } from "./gateway.ts";
import { cannotWrite, openPartial } from "./partial-file.ts";
import { showCount, showProgress } from "./progress.ts";
import { lastLine, lineOf, type StoreRecord } from "./records.ts";
import { note, say, writeSlowly, type Output, type Terminal } from "./terminal.ts";
import { recordsOf, StoreSink } from "./transfer.ts";

export interface ExportOptions extends ConnectionOptions {
  readonly prefix?: string;
  readonly revision?: number;
  readonly toEtcd?: string;
  readonly etcdUser?: string;
  readonly json?: true;
}

/** Takes records, and counts the keys. */
interface Sink {
  write(record: StoreRecord): Promise<void>;
  /** Returns how many keys there were. */
  end(): Promise<number>;
  /** There will be no end: nothing half done is left behind. */
  drop?(): Promise<void>;
}

export async function runExport({
  terminal,
  args: [file],
  options,
}: Call<ExportOptions>): Promise<ExitCode> {
  if (file !== undefined && options.toEtcd !== undefined) {
    throw usageError("A file and --to-etcd exclude each other: leave one of them out.");
  }
  const connection = connectionOf(options, terminal.environment);
  const source = recordsOf(gatewayOf(new Deployment(connection, terminal.interrupted)), {
    prefix: new TextEncoder().encode(options.prefix ?? ""),
    revision: String(options.revision ?? 0),
    onLostLease: (lease) =>
      note(terminal, `Lease ${lease} cannot be looked at: its keys stay for good.`),
  });
  const keys = await pour(terminal, source, {
    what: "exporting",
    begin: () => sinkFor(terminal, file, options),
  });
  const place = options.toEtcd ?? file ?? "standard output";
  if (options.json === true && place !== "standard output") say(terminal, JSON.stringify({ keys }));
  else note(terminal, `${showCount(keys)} keys to ${place}`);
  return EXIT.ok;
}

/** All records into what `begin` opens, which is not opened before there is a first one. */
export async function pour(
  terminal: Terminal,
  source: AsyncIterable<StoreRecord>,
  { what, begin }: { readonly what: string; readonly begin: () => Promise<Sink> },
): Promise<number> {
  const progress = await showProgress(terminal, { what, show: showCount });
  let sink: Sink | null = null;
  let total = 0;
  let done = 0;
  try {
    for await (const record of source) {
      if (terminal.interrupted.aborted) throw new CommandError(EXIT.interrupted, "Interrupted.");
      sink ??= await begin();
      await sink.write(record);
      if (record.kind === "begin") total = record.keys;
      if (record.kind === "key") progress.at(++done, total);
    }
    return (await sink?.end()) ?? 0;
  } catch (error) {
    await sink?.drop?.();
    throw error;
  } finally {
    progress.end();
  }
}

async function sinkFor(
  terminal: Terminal,
  file: string | undefined,
  options: ExportOptions,
): Promise<Sink> {
  if (options.toEtcd !== undefined) {
    return storeSink(
      new StoreSink(gatewayOfEtcd(options.toEtcd, options.etcdUser, terminal.interrupted)),
    );
  }
  if (file === undefined || file === "-") return lineSink(terminal.stdout, async () => {});
  return fileSink(file);
}

export const storeSink = (sink: StoreSink): Sink => ({
  write: (record) => sink.write(record),
  async end() {
    await sink.flush();
    return sink.keys;
  },
});

function lineSink(output: Output, close: () => Promise<void>): Sink {
  let keys = 0;
  return {
    async write(record) {
      if (record.kind === "key") keys++;
      await writeSlowly(output, lineOf(record));
    },
    async end() {
      await writeSlowly(output, lastLine(keys));
      await close();
      return keys;
    },
  };
}

/** There is no file of the name before it is whole. */
async function fileSink(file: string): Promise<Sink> {
  const { partial, stream } = await openPartial(file);
  // What fails later is found by what is written next, or at the end.
  let failure: unknown = null;
  stream.on("error", (error) => (failure = error));
  const check = (): void => {
    if (failure !== null) throw cannotWrite(file, failure);
  };
  const lines = lineSink(stream, async () => {
    await new Promise<void>((resolve) => void stream.end(() => resolve()));
    check();
    await rename(partial, file);
  });
  return {
    async write(record) {
      await lines.write(record);
      check();
    },
    end: () => lines.end(),
    async drop() {
      stream.destroy();
      await rm(partial, { force: true });
    },
  };
}
