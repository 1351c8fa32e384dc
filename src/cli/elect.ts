// Owns `edgekeeper elect`: leading until Ctrl-C, or seeing who leads.

import type { Edgekeeper } from "../client/edgekeeper.ts";
import type { KeyValue } from "../client/key-value.ts";
import type { ConnectionOptions } from "./connection-options.ts";
import type { Call } from "./declare.ts";
import { CommandError, EXIT, usageError, type ExitCode } from "./exit-codes.ts";
import { toJsonBytes, toLine } from "./printable.ts";
import { untilAny, withStore } from "./store.ts";
import { note, say, type Terminal } from "./terminal.ts";

export interface ElectOptions extends ConnectionOptions {
  readonly ttl: number;
  readonly leader?: true;
  readonly follow?: true;
  readonly json?: true;
}

export async function runElect(call: Call<ElectOptions>): Promise<ExitCode> {
  const { terminal, args, options } = call;
  const [name = "", value] = args;
  if (options.leader === true && options.follow === true) {
    throw usageError("--leader and --follow exclude each other: leave one of them out.");
  }
  if (options.leader !== true && options.follow !== true && value === undefined) {
    throw usageError(
      "Say as whom to lead: edgekeeper elect NAME VALUE; or --leader, to see who leads.",
    );
  }
  return withStore(call, async (store) => {
    if (options.follow === true) return follow(store, terminal, { name, options });
    if (options.leader === true) return showLeader(store, terminal, { name, options });
    return lead(store, terminal, { name, value: value!, options });
  });
}

interface Named {
  readonly name: string;
  readonly options: ElectOptions;
}

async function lead(
  store: Edgekeeper,
  terminal: Terminal,
  { name, value, options }: Named & { readonly value: string },
): Promise<ExitCode> {
  const { interrupted } = terminal;
  const leadership = await store
    .election(name)
    .campaign(value, { ttlSeconds: options.ttl, signal: interrupted });
  const { key, fencingToken, lost } = leadership;
  if (options.json === true) {
    say(terminal, JSON.stringify({ key: toJsonBytes(key), value, fencing_token: fencingToken }));
  } else say(terminal, `leads as ${value}, key ${toLine(key)}, fencing token ${fencingToken}`);
  if (terminal.stderr.isTTY === true) note(terminal, "Ctrl-C resigns.");
  await untilAny(interrupted, lost);
  if (lost.aborted)
    throw new CommandError(
      EXIT.lost,
      `The leadership of ${name} was lost: somebody else may lead.`,
    );
  await leadership.resign();
  return EXIT.ok;
}

async function showLeader(
  store: Edgekeeper,
  terminal: Terminal,
  { name, options }: Named,
): Promise<ExitCode> {
  const leader = await store.election(name).leader();
  if (leader === null) throw new CommandError(EXIT.notFound, `Nobody leads ${name}.`);
  showOne(terminal, leader, options);
  return EXIT.ok;
}

async function follow(
  store: Edgekeeper,
  terminal: Terminal,
  { name, options }: Named,
): Promise<ExitCode> {
  const { interrupted } = terminal;
  try {
    for await (const leader of store.election(name).observe({ signal: interrupted })) {
      showOne(terminal, leader, options);
    }
  } catch (error) {
    if (!interrupted.aborted) throw error;
  }
  return EXIT.ok;
}

function showOne(
  terminal: Terminal,
  { key, value, createRevision }: KeyValue,
  { json }: ElectOptions,
): void {
  const line =
    json === true
      ? JSON.stringify({
          key: toJsonBytes(key),
          value: toJsonBytes(value),
          fencing_token: createRevision,
        })
      : `${toLine(value)}, key ${toLine(key)}, fencing token ${createRevision}`;
  say(terminal, line);
}
