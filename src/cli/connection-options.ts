// Owns the options that every command has which speaks to a deployment: where it is, which cluster,
// and who asks. What is not given on the command line is taken from the environment.

import { usageError } from "./exit-codes.ts";

/** As commander hands them over. */
export interface ConnectionOptions {
  readonly endpoint?: string;
  readonly cluster?: string;
  readonly token?: string;
  readonly user?: string;
  readonly password?: string;
}

export interface Connection {
  /** Of the deployment, without a path. */
  readonly url: string;
  readonly cluster: string;
  /** The deployment's token. */
  readonly token: string | null;
  /** A user of the cluster. */
  readonly user: { readonly name: string; readonly password: string } | null;
}

export const ENDPOINT_DEFAULT = "http://127.0.0.1:8787";
const CLUSTER_DEFAULT = "default";

/** What to connect to. @throws CommandError when an option cannot be. */
export function connectionOf(
  options: ConnectionOptions,
  environment: Readonly<Record<string, string | undefined>>,
): Connection {
  const given = (option: string | undefined, name: string): string | undefined =>
    option ?? (environment[name] === "" ? undefined : environment[name]);
  const endpoint = given(options.endpoint, "EDGEKEEPER_ENDPOINT") ?? ENDPOINT_DEFAULT;
  const { url, cluster } = parseEndpoint(endpoint);
  const named = given(options.cluster, "EDGEKEEPER_CLUSTER");
  if (named !== undefined && cluster !== null && named !== cluster) {
    throw usageError(
      `--cluster ${named} and the endpoint's /c/${cluster} differ: leave one of them out.`,
    );
  }
  return {
    url,
    cluster: named ?? cluster ?? CLUSTER_DEFAULT,
    token: given(options.token, "EDGEKEEPER_TOKEN") ?? null,
    user: parseUser(
      given(options.user, "EDGEKEEPER_USER"),
      given(options.password, "EDGEKEEPER_PASSWORD"),
    ),
  };
}

/** `https://kv.example`, or `https://kv.example/c/flags` for a cluster of it. */
function parseEndpoint(text: string): { readonly url: string; readonly cluster: string | null } {
  const url = URL.parse(text);
  const path = /^\/(?:c\/([^/]+)\/?)?$/.exec(url?.pathname ?? "");
  if (url === null || !/^https?:$/.test(url.protocol) || path === null) {
    throw usageError(
      `--endpoint ${text} is no address: give one such as https://kv.example, or ` +
        "https://kv.example/c/NAME for a cluster.",
    );
  }
  return { url: url.origin, cluster: path[1] ?? null };
}

/** `ann`, or `ann:password`. */
function parseUser(text: string | undefined, password: string | undefined): Connection["user"] {
  if (text === undefined) return null;
  const colon = text.indexOf(":");
  const name = colon < 0 ? text : text.slice(0, colon);
  const shown = password ?? (colon < 0 ? undefined : text.slice(colon + 1));
  if (shown !== undefined && name !== "") return { name, password: shown };
  throw usageError(
    `--user ${text} needs a password: set EDGEKEEPER_PASSWORD, or give --password, or --user NAME:PASSWORD.`,
  );
}
