// Owns `edgekeeper import`: keys out of a file, of standard input, or of a running etcd.

import { createReadStream } from "node:fs";
import { once } from "node:events";
import type { Call } from "./declare.ts";
import { connectionOf, type ConnectionOptions } from "./connection-options.ts";
import { Deployment } from "./deployment.ts";
import { CommandError, EXIT, usageError, type ExitCode } from "./exit-codes.ts";
import { pour, storeSink } from "./export.ts";
import { gatewayOf, gatewayOfEtcd } from "./gateway.ts";
import { showCount } from "./progress.ts";
import { recordsIn, type StoreRecord } from "./records.ts";
import { note, say, type Terminal } from "./terminal.ts";
import { recordsOf, StoreSink } from "./transfer.ts";
import type { Bytes } from "../base/types.ts";

export interface ImportOptions extends ConnectionOptions {
  readonly prefix?: string;
  readonly fromEtcd?: string;
  readonly etcdUser?: string;
  /** Of `--no-leases`. */
  readonly leases: boolean;
  readonly json?: true;
}

export async function runImport({
  terminal,
  args: [file],
  options,
}: Call<ImportOptions>): Promise<ExitCode> {
  if (file !== undefined && options.fromEtcd !== undefined) {
    throw usageError("A file and --from-etcd exclude each other: leave one of them out.");
  }
  const connection = connectionOf(options, terminal.environment);
  const gateway = gatewayOf(new Deployment(connection, terminal.interrupted));
  const sink = new StoreSink(gateway, { keepsLeases: options.leases });
  const source = await sourceFor(terminal, file, options);
  const keys = await pour(terminal, source, {
    what: "importing",
    begin: async () => storeSink(sink),
  });
  if (options.json === true) say(terminal, JSON.stringify({ keys, leases: sink.leases }));
  else note(terminal, `${showCount(keys)} keys, ${showCount(sink.leases)} leases`);
  return EXIT.ok;
}

async function sourceFor(
  terminal: Terminal,
  file: string | undefined,
  options: ImportOptions,
): Promise<AsyncIterable<StoreRecord>> {
  const prefix = new TextEncoder().encode(options.prefix ?? "");
  if (options.fromEtcd !== undefined) {
    return recordsOf(gatewayOfEtcd(options.fromEtcd, options.etcdUser, terminal.interrupted), {
      prefix,
      revision: "0",
      onLostLease: (lease) => note(terminal, `Lease ${lease} is gone: its keys stay for good.`),
    });
  }
  const chunks = file === undefined || file === "-" ? terminal.stdin : await opened(file);
  return matching(recordsIn(chunks), prefix);
}

async function opened(file: string): Promise<AsyncIterable<Uint8Array>> {
  const stream = createReadStream(file);
  try {
    await once(stream, "open");
    return stream as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw cannotRead(file, error);
  }
}

export const cannotRead = (file: string, error: unknown): CommandError => {
  const { code, message } = error as NodeJS.ErrnoException;
  return new CommandError(EXIT.failed, `${file} cannot be read (${code ?? message}).`, {
    cause: error,
  });
};

async function* matching(
  records: AsyncIterable<StoreRecord>,
  prefix: Bytes,
): AsyncGenerator<StoreRecord, void, void> {
  for await (const record of records) {
    if (record.kind !== "key" || prefix.every((byte, at) => record.key[at] === byte)) yield record;
  }
}
