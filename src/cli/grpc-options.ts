// Owns the options of `edgekeeper grpc`: what they are called, what they may be.

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { OptionError } from "./dev-options.ts";

export interface GrpcOptions {
  readonly host: string;
  readonly port: number;
  readonly endpoint: URL;
  readonly token: string | null;
  /** In PEM; null: connections are not encrypted. */
  readonly tls: { readonly cert: string; readonly key: string } | null;
}

export const GRPC_USAGE = `Usage: edgekeeper grpc [options]

Lets etcd's own clients (etcdctl, clientv3 and others) speak to Edgekeeper: a gRPC server on this
machine that passes on what they ask.

  --listen HOST:PORT  where to listen (default 127.0.0.1:2379)
  --endpoint URL      where Edgekeeper is (default http://127.0.0.1:8787); with /c/NAME for a cluster
  --token TOKEN       the deployment's token, if it asks for one (or EDGEKEEPER_TOKEN)
  --cert FILE         for TLS: the certificate in PEM, with --key
  --key FILE          its key in PEM
  --help              this text

Example: edgekeeper grpc --endpoint https://edgekeeper.example.workers.dev
`;

/**
 * Reads the command line; null when help was asked for.
 *
 * @throws OptionError with a sentence for the person who typed it.
 */
export function parseGrpcOptions(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): GrpcOptions | null {
  const values = parse(args);
  if (values.help) return null;
  return {
    ...parseListen(values.listen),
    endpoint: parseEndpoint(values.endpoint),
    token: values.token ?? environment["EDGEKEEPER_TOKEN"] ?? null,
    tls: readTls(values.cert, values.key),
  };
}

function parse(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        listen: { type: "string", default: "127.0.0.1:2379" },
        endpoint: { type: "string", default: "http://127.0.0.1:8787" },
        token: { type: "string" },
        cert: { type: "string" },
        key: { type: "string" },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    return values;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new OptionError(`${reason}\n\n${GRPC_USAGE}`, { cause: error });
  }
}

function parseListen(text: string): { readonly host: string; readonly port: number } {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65_535) {
    throw new OptionError(`--listen ${text} is no address: give HOST:PORT, as in 127.0.0.1:2379.`);
  }
  return { host: bracketed ?? (plain || "127.0.0.1"), port };
}

function parseEndpoint(text: string): URL {
  const url = URL.parse(text);
  if (url !== null && /^https?:$/.test(url.protocol)) return url;
  throw new OptionError(`--endpoint ${text} is no URL: give one that begins with http or https.`);
}

function readTls(cert: string | undefined, key: string | undefined): GrpcOptions["tls"] {
  if (cert === undefined && key === undefined) return null;
  if (cert === undefined || key === undefined) {
    throw new OptionError("--cert and --key belong together: give both.");
  }
  return { cert: readPem("--cert", cert), key: readPem("--key", key) };
}

function readPem(option: string, file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new OptionError(`${option} ${file} cannot be read (${code ?? message}).`, {
      cause: error,
    });
  }
}
