// Owns a command's use of the session door: one client, closed at the end, and what its errors mean
// for whoever waits for the command.

import { setTimeout as sleep } from "node:timers/promises";
import { Edgekeeper } from "../client/edgekeeper.ts";
import { EdgekeeperError } from "../client/error.ts";
import { connectionOf, type ConnectionOptions } from "./connection-options.ts";
import type { Call } from "./declare.ts";
import { adviceOn, Deployment, exitCodeOf } from "./deployment.ts";
import { CommandError, EXIT } from "./exit-codes.ts";

/** A client tries for seconds; why it must is looked for after the first. */
const LOOK_AFTER_MS = 700;

/** Lends a client to `use`. @throws CommandError */
export async function withStore<Result>(
  { terminal, options }: Pick<Call<ConnectionOptions>, "terminal" | "options">,
  use: (store: Edgekeeper) => Promise<Result>,
): Promise<Result> {
  const { url, cluster, token, user } = connectionOf(options, terminal.environment);
  const store = new Edgekeeper({
    url,
    cluster,
    ...(token === null ? {} : { token }),
    ...(user === null ? {} : { user }),
  });
  const over = new AbortController();
  const deployment = new Deployment({ url, cluster, token, user: null }, over.signal);
  const obstacle = obstacleTo(deployment, over.signal);
  try {
    return await Promise.race([use(store), obstacle]);
  } catch (error) {
    if (terminal.interrupted.aborted) throw new CommandError(EXIT.interrupted, "Interrupted.");
    throw commandErrorOf(error);
  } finally {
    over.abort();
    store.close();
  }
}

/** Rejects when nobody is there, or does not let us in: a client that goes on trying tells less. */
async function obstacleTo(deployment: Deployment, signal: AbortSignal): Promise<never> {
  try {
    await sleep(LOOK_AFTER_MS, undefined, { signal });
    const response = await deployment.open("/version");
    await response.body?.cancel();
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  // What is wrong is told by the client itself.
  return new Promise(() => {});
}

function commandErrorOf(error: unknown): unknown {
  if (!(error instanceof EdgekeeperError)) return error;
  const doubt = error.isFateUnknown ? " It may have happened all the same." : "";
  return new CommandError(exitCodeOf(error), adviceOn(error) + doubt, { cause: error });
}

/** A key, or the many that `--prefix` or a range-end name. */
export function selectionOf(
  [key = "", end]: readonly string[],
  { prefix = false }: { readonly prefix?: boolean },
):
  | { readonly key: string }
  | { readonly prefix: string }
  | { readonly from: string; readonly to: string } {
  if (prefix && end !== undefined) {
    throw new CommandError(EXIT.usage, "--prefix and a range-end exclude each other.");
  }
  if (prefix) return { prefix: key };
  return end === undefined ? { key } : { from: key, to: end };
}

/** Resolves when one of them aborts. */
export const untilAny = (...signals: readonly AbortSignal[]): Promise<void> =>
  new Promise((resolve) => {
    const any = AbortSignal.any([...signals]);
    any.addEventListener("abort", () => resolve(), { once: true });
    if (any.aborted) resolve();
  });
