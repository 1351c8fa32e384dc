// Owns the services' definitions: the .proto files, read when the bridge starts. Generated code would be
// ten thousand lines that say the same, and could not be shown by reflection.

import { fileURLToPath } from "node:url";
import type { ServiceDefinition } from "@grpc/grpc-js";
import { loadSync, type PackageDefinition } from "@grpc/proto-loader";
import { assert } from "../base/assert.ts";

const FOLDER = fileURLToPath(new URL("proto", import.meta.url));

/**
 * Messages become plain objects of the form that `upstream.ts` describes: no digit of a 64-bit integer
 * is lost, and a field that was not sent is absent. Bytes come in base64, unless they are to stay as they are.
 */
export const loadDefinitions = ({ asBytes = false } = {}): PackageDefinition =>
  loadSync(["rpc.proto", "lock.proto", "election.proto", "health.proto"], {
    includeDirs: [FOLDER],
    keepCase: true,
    longs: String,
    bytes: asBytes ? Buffer : String,
  });

/** The service of that full name. */
export function serviceOf(definitions: PackageDefinition, name: string): ServiceDefinition {
  const definition = definitions[name];
  assert(definition !== undefined && !("format" in definition), `${name} is a service`);
  return definition;
}
