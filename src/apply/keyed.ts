// Owns idempotency keys as far as they say which write is meant: which kinds of write take one, when two
// requests are the same, and whose a key is.

import { fingerprint } from "../base/fingerprint.ts";
import { Writer } from "../base/codec.ts";
import type { Bytes } from "../base/types.ts";
import { writeCommand, type Command, type Keyed } from "./command.ts";

/**
 * Writes of keys and leases. What is about the cluster, its users and members is done once by nature, or
 * refused the second time; and the answer to who wants a token is nothing to keep.
 */
const KEYED_KINDS: readonly Command["kind"][] = [
  "put",
  "deleteRange",
  "txn",
  "compact",
  "leaseGrant",
  "leaseRevoke",
];

/** Whether an idempotency key means anything to it. */
export const takesKey = ({ kind }: Command): boolean => KEYED_KINDS.includes(kind);

/** What the entry says of the key that `command` came with; null if it has none that counts. */
export function keyedOf(command: Command, key: string | undefined): Keyed | null {
  if (key === undefined || !takesKey(command)) return null;
  return { key, fingerprint: fingerprintOf(command) };
}

/**
 * Equal for requests that ask for the same, by whichever door. The id of a lease to be granted is no
 * part of it: whoever passes the request on may have picked it, and another one the next time.
 */
function fingerprintOf(command: Command): Bytes {
  const writer = new Writer().text(command.kind);
  if (command.kind === "leaseGrant") writer.int(command.ttlSeconds);
  else writeCommand(writer, command);
  return fingerprint(writer.finish());
}

/** Nobody: auth was off. Users have names. */
export const NOBODY = "";

/** One key of one user; no two have the same, for keys have no such character. */
export const scopedKey = (user: string, key: string): string => `${user}\0${key}`;
