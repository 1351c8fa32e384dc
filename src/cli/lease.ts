// Owns `edgekeeper lease`: granting, ending, keeping alive, looking.

import { GRPC } from "../api/grpc-code.ts";
import { EdgekeeperError } from "../client/error.ts";
import { WEB_PLATFORM } from "../client/platform.ts";
import type { ConnectionOptions } from "./connection-options.ts";
import { readId, wholeNumber, type Call } from "./declare.ts";
import { CommandError, EXIT, usageError, type ExitCode } from "./exit-codes.ts";
import { toJsonBytes, toLine } from "./printable.ts";
import { withStore } from "./store.ts";
import { note, say } from "./terminal.ts";

export interface LeaseOptions extends ConnectionOptions {
  readonly json?: true;
}

/** Reads a positional argument as an option is read. @throws CommandError */
function argument<Value>(text: string | undefined, read: (text: string) => Value): Value {
  try {
    return read(text ?? "");
  } catch (error) {
    throw usageError(`${text}: ${error instanceof Error ? error.message : "not understood"}`);
  }
}

export async function runGrant(call: Call<LeaseOptions & { id?: bigint }>): Promise<ExitCode> {
  const { terminal, args, options } = call;
  const ttl = argument(args[0], wholeNumber(1));
  return withStore(call, async (store) => {
    const lease = await store.grant(ttl, { id: options.id, keepAlive: false });
    if (options.json === true)
      say(terminal, JSON.stringify({ id: String(lease.id), ttl: lease.ttlSeconds }));
    else say(terminal, `lease ${lease.id} granted for ${lease.ttlSeconds} s`);
    return EXIT.ok;
  });
}

export async function runRevoke(call: Call<LeaseOptions>): Promise<ExitCode> {
  const id = argument(call.args[0], readId);
  return withStore(call, async (store) => {
    await store.lease(id).revoke();
    if (call.options.json === true) say(call.terminal, JSON.stringify({ id: String(id) }));
    else say(call.terminal, `lease ${id} revoked`);
    return EXIT.ok;
  });
}

export async function runTimeToLive(call: Call<LeaseOptions & { keys?: true }>): Promise<ExitCode> {
  const { terminal, options } = call;
  const id = argument(call.args[0], readId);
  return withStore(call, async (store) => {
    const { ttlSeconds, grantedTtlSeconds, keys } = await store
      .lease(id)
      .timeToLive({ keys: options.keys ?? false });
    if (ttlSeconds < 0) throw new CommandError(EXIT.notFound, `There is no lease ${id}.`);
    if (options.json === true) {
      const named = options.keys === true ? keys.map((key) => toJsonBytes(key)) : undefined;
      const json = { id: String(id), ttl: ttlSeconds, granted_ttl: grantedTtlSeconds, keys: named };
      say(terminal, JSON.stringify(json));
    } else {
      say(terminal, `lease ${id} has ${ttlSeconds} s left of ${grantedTtlSeconds} s`);
      for (const key of keys) say(terminal, `  ${toLine(key)}`);
    }
    return EXIT.ok;
  });
}

export const runList = (call: Call<LeaseOptions>): Promise<ExitCode> =>
  withStore(call, async (store) => {
    const leases = (await store.leases()).map(String);
    if (call.options.json === true) say(call.terminal, JSON.stringify({ leases }));
    else for (const lease of leases) say(call.terminal, lease);
    return EXIT.ok;
  });

/** A keepalive is sent three times a TTL, and is allowed to fail for as long as the TTL lasts. */
const KEEPALIVES_PER_TTL = 3;

export async function runKeepAlive(call: Call<LeaseOptions & { once?: true }>): Promise<ExitCode> {
  const { terminal, options } = call;
  const id = argument(call.args[0], readId);
  return withStore(call, async (store) => {
    const lease = store.lease(id);
    let deadline = Number.POSITIVE_INFINITY;
    for (;;) {
      const askedAt = performance.now();
      const ttl = await lease
        .keepAliveOnce({ signal: terminal.interrupted })
        .catch((error: unknown) => {
          if (terminal.interrupted.aborted) return null;
          if (!isPassing(error) || performance.now() > deadline) throw error;
          return -1;
        });
      if (ttl === null) return EXIT.ok;
      if (ttl === 0) {
        const isFirst = deadline === Number.POSITIVE_INFINITY;
        throw new CommandError(
          isFirst ? EXIT.notFound : EXIT.lost,
          isFirst ? `There is no lease ${id}.` : `Lease ${id} has ended.`,
        );
      }
      if (ttl > 0) {
        deadline = askedAt + ttl * 1_000;
        if (options.json === true) say(terminal, JSON.stringify({ id: String(id), ttl }));
        else say(terminal, `lease ${id} has ${ttl} s`);
      }
      if (options.once === true) return EXIT.ok;
      if (terminal.stderr.isTTY === true && ttl > 0) note(terminal, "Ctrl-C ends it.");
      const ms = (Math.max(ttl, 1) * 1_000) / KEEPALIVES_PER_TTL;
      await WEB_PLATFORM.sleep(ms, terminal.interrupted);
      if (terminal.interrupted.aborted) return EXIT.ok;
    }
  });
}

const isPassing = (error: unknown): boolean =>
  error instanceof EdgekeeperError &&
  (error.code === GRPC.unavailable || error.code === GRPC.deadlineExceeded);
