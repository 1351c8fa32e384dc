// Owns the bytes of credentials in the session protocol.

import type { Credentials } from "../base/auth.ts";
import { CodecError, type Reader, type Writer } from "../base/codec.ts";

// Tags are part of the protocol: append, never change.
const NONE = 0;
const TOKEN = 1;
const USER = 2;

export function writeCredentials(writer: Writer, credentials: Credentials): void {
  switch (credentials.kind) {
    case "none":
      writer.byte(NONE);
      return;
    case "token":
      writer.byte(TOKEN).text(credentials.token);
      return;
    case "user":
      writer.byte(USER).text(credentials.name).uint(credentials.authRevision);
      return;
    default:
      credentials satisfies never;
  }
}

/** @throws CodecError when the bytes are no credentials. */
export function readCredentials(reader: Reader): Credentials {
  const tag = reader.byte();
  switch (tag) {
    case NONE:
      return { kind: "none" };
    case TOKEN:
      return { kind: "token", token: reader.text() };
    case USER:
      return { kind: "user", name: reader.text(), authRevision: reader.uint() };
    default:
      throw new CodecError(`${tag} is no credentials`);
  }
}
