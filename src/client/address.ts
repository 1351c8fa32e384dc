// Owns where a session is opened, and what is shown there: pages can set no header of a socket, so
// tokens go as subprotocols.

/** What shows who asks. */
export interface ShownTokens {
  /** The deployment's. */
  readonly deployment?: string | undefined;
  /** A user's. */
  readonly user?: string | undefined;
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

export const protocolsOf = ({ deployment, user }: ShownTokens): readonly string[] =>
  [deployment && ["Edgekeeper", deployment], user && ["Bearer", user]].flatMap(
    (each) => each || [],
  );

/** The deployment's token for HTTP. */
export const headersOf = ({ deployment }: ShownTokens): Record<string, string> =>
  deployment === undefined ? {} : { "Edgekeeper-Token": deployment };
