// Owns whose session a client's socket is: what the Worker has found out when it passed the socket
// on, and what the replica keeps of that with the socket. No frame can say it.

import type { Credentials } from "../base/auth.ts";
import { CodecError, Reader, Writer } from "../base/codec.ts";
import { IDENTITY_CHARACTERS_MAX } from "../base/limits.ts";
import { decodeBase64, encodeBase64 } from "./base64.ts";
import { readCredentials, writeCredentials } from "./credentials-codec.ts";

/** The header in which the Worker tells it, to the path at which a replica trusts it. */
export const IDENTITY_HEADER = "Edgekeeper-Identity";
export const DOOR_PATH = "/door";

export interface SessionIdentity {
  /**
   * Null: by a token that is not known any more. Tokens are not kept with a socket, so after a sleep
   * its client has to come again with it as soon as it wants more than its watches.
   */
  readonly credentials: Credentials | null;
  /** When they end by themselves, in ms since 1970; null: never, or only replicas can tell. */
  readonly expiresAt: number | null;
}

const FORGOTTEN = "forgotten";

/** As a header, and with the socket. */
export function printIdentity({ credentials, expiresAt }: SessionIdentity): string {
  if (credentials === null) return FORGOTTEN;
  const writer = new Writer().flag(expiresAt !== null);
  if (expiresAt !== null) writer.uint(expiresAt);
  writeCredentials(writer, credentials);
  return encodeBase64(writer.finish());
}

/** @throws CodecError for what `printIdentity` did not print. */
export function parseIdentity(text: string): SessionIdentity {
  if (text === FORGOTTEN) return { credentials: null, expiresAt: null };
  const bytes = decodeBase64(text);
  if (bytes === null) throw new CodecError("that is no identity");
  const reader = new Reader(bytes);
  const expiresAt = reader.flag() ? reader.uint() : null;
  const credentials = readCredentials(reader);
  reader.end();
  return { credentials, expiresAt };
}

/** What may be kept of it with a socket. */
export const keptIdentity = (identity: SessionIdentity): SessionIdentity =>
  identity.credentials?.kind === "token" ? { credentials: null, expiresAt: null } : identity;

/** Whether it fits a socket. */
export const isKeepable = (identity: SessionIdentity): boolean =>
  printIdentity(keptIdentity(identity)).length <= IDENTITY_CHARACTERS_MAX;
