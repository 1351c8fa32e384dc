// Owns the words of the list of clusters, and of taking one off it.

import type { Jurisdiction, Place } from "../base/membership.ts";
import type { ClusterId } from "../base/types.ts";

export interface ListedCluster {
  readonly name: string;
  readonly clusterId: ClusterId;
  readonly jurisdiction: Jurisdiction | null;
}

/** Which part of the list: at most `limit` clusters whose names come after `after`. */
export interface CatalogPage {
  readonly after: string;
  readonly limit: number;
}

export interface ClusterList {
  /** Sorted by name. */
  readonly clusters: readonly ListedCluster[];
  /** There are others after the last of these. */
  readonly more: boolean;
}

/** What the router calls on the one catalog. */
export interface CatalogRpc {
  /** Clusters that were created or deleted a moment ago may be missing, or still there. */
  list(page: CatalogPage): Promise<ClusterList>;
}

export type DeletionAnswer =
  /** It is no more. Those `untold` still have their data, and are told until each has heard. */
  | { readonly kind: "deleted"; readonly untold: readonly Place[] }
  /** Nothing has changed: there is no cluster, or its id is not the one that was confirmed. */
  | { readonly kind: "unknown" }
  | { readonly kind: "notConfirmed" };
