// Owns the bytes of credentials in the session protocol.

import type { Credentials } from "../base/auth.ts";
import { CodecError, type Reader, type Writer } from "../base/codec.ts";
import { asClusterId } from "../base/types.ts";

// Tags are part of the protocol: append, never change.
const NONE = 0;
const TOKEN = 1;
const USER = 2;
const USER_OF_CLUSTER = 3;

export function writeCredentials(writer: Writer, credentials: Credentials): void {
  switch (credentials.kind) {
    case "none":
      writer.byte(NONE);
      return;
    case "token":
      writer.byte(TOKEN).text(credentials.token);
      return;
    case "user":
      writer.byte(credentials.clusterId === undefined ? USER : USER_OF_CLUSTER);
      writer.text(credentials.name).uint(credentials.authRevision);
      if (credentials.clusterId !== undefined) writer.id(credentials.clusterId);
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
    case USER_OF_CLUSTER: {
      const [name, authRevision] = [reader.text(), reader.uint()];
      return { kind: "user", name, authRevision, clusterId: asClusterId(reader.id()) };
    }
    default:
      throw new CodecError(`${tag} is no credentials`);
  }
}
