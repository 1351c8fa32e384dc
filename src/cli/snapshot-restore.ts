// Owns `edgekeeper snapshot restore`: a new cluster out of a file.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { connectionOf, type ConnectionOptions } from "./connection-options.ts";
import type { Call } from "./declare.ts";
import { Deployment } from "./deployment.ts";
import { CommandError, EXIT, usageError, type ExitCode } from "./exit-codes.ts";
import { cannotRead } from "./import.ts";
import { showBytes, showProgress } from "./progress.ts";
import { DIGEST_BYTES, HeldBack } from "./snapshot-digest.ts";
import { say, type Terminal } from "./terminal.ts";

export interface RestoreOptions extends ConnectionOptions {
  readonly regions?: readonly string[];
  readonly jurisdiction?: string;
  readonly bumpRevisions?: number;
  readonly json?: true;
}

interface Restored {
  readonly name: string;
  readonly cluster_id: string;
  readonly members: readonly { readonly region: string }[];
  readonly revision: number;
}

/** Replicas are filled one after another, each by the platform's network. */
const RESTORE_MS = 600_000;

export async function runRestore({
  terminal,
  args: [file = ""],
  options,
}: Call<RestoreOptions>): Promise<ExitCode> {
  const connection = connectionOf(options, terminal.environment);
  const named = options.cluster ?? terminal.environment["EDGEKEEPER_CLUSTER"];
  if (named === undefined && !/\/c\//.test(options.endpoint ?? "")) {
    throw usageError("Say what the new cluster shall be called: --cluster NAME.");
  }
  const bytes = await checked(file);
  const deployment = new Deployment(connection, terminal.interrupted);
  const path = deployment.aboutCluster(`/restore?${parametersOf(options).toString()}`);
  const body = await upload(terminal, file, bytes);
  const restored = (await deployment
    .json(path, { method: "POST", body: body.stream, timeoutMs: RESTORE_MS })
    .finally(body.end)) as Restored;
  if (options.json === true) say(terminal, JSON.stringify(restored));
  else {
    const regions = restored.members.map(({ region }) => region).join(", ");
    say(
      terminal,
      `${restored.name} (${restored.cluster_id}) in ${regions}, at revision ${restored.revision}`,
    );
  }
  return EXIT.ok;
}

function parametersOf({ regions, jurisdiction, bumpRevisions }: RestoreOptions): URLSearchParams {
  const parameters = new URLSearchParams();
  if (regions !== undefined) parameters.set("regions", regions.join(","));
  if (jurisdiction !== undefined) parameters.set("jurisdiction", jurisdiction);
  if (bumpRevisions !== undefined) parameters.set("bump_revisions", String(bumpRevisions));
  return parameters;
}

/** How long the file is. @throws CommandError when it is not whole: nothing need be sent then. */
async function checked(file: string): Promise<number> {
  const digest = createHash("sha256");
  const held = new HeldBack((bytes) => void digest.update(bytes));
  let length = 0;
  try {
    length = (await stat(file)).size;
    for await (const chunk of createReadStream(file)) held.push(chunk as Uint8Array);
  } catch (error) {
    throw cannotRead(file, error);
  }
  if (length > DIGEST_BYTES && digest.digest("hex") === Buffer.from(held.rest).toString("hex"))
    return length;
  throw new CommandError(
    EXIT.failed,
    `${file} is no whole snapshot: its SHA-256 is another. Was it cut off?`,
  );
}

async function upload(
  terminal: Terminal,
  file: string,
  total: number,
): Promise<{ readonly stream: ReadableStream<Uint8Array>; readonly end: () => void }> {
  const progress = await showProgress(terminal, { what: "restoring", show: showBytes });
  async function* chunks(): AsyncGenerator<Uint8Array, void, void> {
    let sent = 0;
    for await (const chunk of createReadStream(file)) {
      yield chunk as Uint8Array;
      progress.at((sent += (chunk as Uint8Array).length), total);
    }
  }
  return { stream: ReadableStream.from(chunks()), end: () => progress.end() };
}
