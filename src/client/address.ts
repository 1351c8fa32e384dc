// Owns where a session is opened, and what is shown there: pages can set no header of a socket, so
// tokens go as subprotocols.

/** What shows who asks. */
export interface ShownTokens {
  /** The deployment's. */
  readonly deployment?: string;
  /** A user's. */
  readonly user?: string;
}

/** What a deployment and a cluster in it are reached by. */
export interface Place {
  /** Of the deployment: `https://kv.example`. */
  readonly url: string;
  /** The cluster's name; absent: `default`. */
  readonly cluster?: string | undefined;
}

/** Where the cluster's paths begin, for HTTP. */
export const baseOf = ({ url, cluster }: Place): string =>
  url.replace(/\/+$/, "") + (cluster === undefined ? "" : `/c/${cluster}`);

/** The session door. `any`: of the nearest replica, leader or not. */
export const doorOf = (place: Place, { any }: { readonly any: boolean }): string =>
  `${baseOf(place).replace(/^http/, "ws")}/v1/session${any ? "?any" : ""}`;

export const protocolsOf = ({ deployment, user }: ShownTokens): readonly string[] => [
  ...(deployment === undefined ? [] : ["Edgekeeper", deployment]),
  ...(user === undefined ? [] : ["Bearer", user]),
];

/** The same for HTTP. */
export const headersOf = ({ deployment, user }: ShownTokens): Record<string, string> => ({
  ...(deployment === undefined ? {} : { "Edgekeeper-Token": deployment }),
  ...(user === undefined ? {} : { Authorization: user }),
});
