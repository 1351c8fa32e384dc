// Owns `edgekeeper snapshot save`: everything that was acknowledged, in a file that is whole or is not
// there.

import { createHash } from "node:crypto";
import { rename, rm } from "node:fs/promises";
import { finished } from "node:stream/promises";
import { connectionOf, type ConnectionOptions } from "./connection-options.ts";
import type { Call } from "./declare.ts";
import { Deployment, unreachable } from "./deployment.ts";
import { CommandError, EXIT, type ExitCode } from "./exit-codes.ts";
import { cannotWrite, openPartial } from "./partial-file.ts";
import { showBytes, showProgress } from "./progress.ts";
import { DIGEST_BYTES, HeldBack } from "./snapshot-digest.ts";
import { note, say, writeSlowly, type Output, type Terminal } from "./terminal.ts";

export interface SaveOptions extends ConnectionOptions {
  readonly json?: true;
}

interface Saved {
  readonly revision: number;
  readonly bytes: number;
  readonly sha256: string;
}

export async function runSave({
  terminal,
  args: [file = "-"],
  options,
}: Call<SaveOptions>): Promise<ExitCode> {
  const deployment = new Deployment(
    connectionOf(options, terminal.environment),
    terminal.interrupted,
  );
  const saved =
    file === "-"
      ? await download(terminal, deployment, terminal.stdout)
      : await saveTo(terminal, deployment, file);
  if (options.json === true && file !== "-") say(terminal, JSON.stringify({ file, ...saved }));
  else
    note(
      terminal,
      `${showBytes(saved.bytes)} as of revision ${saved.revision}, SHA-256 ${saved.sha256}`,
    );
  return EXIT.ok;
}

async function saveTo(terminal: Terminal, deployment: Deployment, file: string): Promise<Saved> {
  const { partial, stream } = await openPartial(file);
  const written = finished(stream).catch((error: unknown) => cannotWrite(file, error));
  try {
    const saved = await download(terminal, deployment, stream);
    stream.end();
    const failure = await written;
    if (failure instanceof CommandError) throw failure;
    await rename(partial, file);
    return saved;
  } catch (error) {
    stream.destroy();
    await rm(partial, { force: true });
    throw error;
  }
}

/** @throws CommandError when the file did not come whole. */
async function download(
  terminal: Terminal,
  deployment: Deployment,
  output: Output,
): Promise<Saved> {
  const [size, response] = await Promise.all([
    sizeOf(deployment),
    deployment.open(deployment.aboutCluster("/snapshot")),
  ]);
  const progress = await showProgress(terminal, { what: "saving", show: showBytes });
  const digest = createHash("sha256");
  const held = new HeldBack((bytes) => void digest.update(bytes));
  let bytes = 0;
  try {
    for await (const chunk of response.body! as AsyncIterable<Uint8Array>) {
      held.push(chunk);
      bytes += chunk.length;
      await writeSlowly(output, chunk);
      progress.at(bytes, size);
    }
  } catch (error) {
    if (terminal.interrupted.aborted) throw new CommandError(EXIT.interrupted, "Interrupted.");
    throw unreachable(deployment.connection.url, error);
  } finally {
    progress.end();
  }
  const sha256 = digest.digest("hex");
  if (bytes <= DIGEST_BYTES || sha256 !== Buffer.from(held.rest).toString("hex")) {
    throw new CommandError(EXIT.unavailable, "The snapshot was cut off on its way. Try again.");
  }
  return { revision: Number(response.headers.get("X-Edgekeeper-Revision")), bytes, sha256 };
}

/** About how long the file will be: the part of the leader's database that is in use. */
async function sizeOf(deployment: Deployment): Promise<number> {
  const path = deployment.inCluster("/v3/maintenance/status");
  const { dbSizeInUse = "0" } = (await deployment.json(path, { json: {} })) as {
    dbSizeInUse?: string;
  };
  return Number(dbSizeInUse);
}
