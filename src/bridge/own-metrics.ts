// Owns what the bridge adds to `/metrics`: of processes there is only its own to tell of.

import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline, Transform } from "node:stream";

export const isMetrics = ({ method, url = "" }: IncomingMessage): boolean =>
  method === "GET" && url.replace(/\?.*$/, "") === "/metrics";

/** `etcdctl check datascale` wants to read it. */
const ownMetrics =
  (): string => `# HELP process_resident_memory_bytes Resident memory size in bytes, of the bridge.
# TYPE process_resident_memory_bytes gauge
process_resident_memory_bytes ${process.memoryUsage.rss()}
`;

/** The page, and the bridge's lines behind it. The page must not be compressed. */
export function passMetrics(
  response: IncomingMessage,
  outgoing: ServerResponse,
  done: () => void,
): void {
  const { "content-length": _, "transfer-encoding": __, ...headers } = response.headers;
  outgoing.writeHead(response.statusCode ?? 502, headers);
  const withOwn = new Transform({
    transform: (chunk, _encoding, pass) => pass(null, chunk),
    flush: (pass) => pass(null, ownMetrics()),
  });
  pipeline(response, withOwn, outgoing, done);
}
