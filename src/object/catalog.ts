// Owns the object that lists the clusters. Each Genesis tells of its own until it was heard; nobody
// asks the catalog whether a cluster exists, and no request of a client waits for it.

import { DurableObject } from "cloudflare:workers";
import type { CatalogPage, CatalogRpc, ClusterList } from "../api/catalog.ts";
import { ClusterRows } from "./cluster-list.ts";
import type { Environment } from "./environment.ts";
import { readClusterNotice } from "./notices.ts";
import { SqlStorage } from "./sql-storage.ts";

export class Catalog extends DurableObject<Environment> implements CatalogRpc {
  readonly #rows: ClusterRows;

  constructor(context: DurableObjectState, environment: Environment) {
    super(context, environment);
    this.#rows = new ClusterRows(new SqlStorage(context.storage));
  }

  async list(page: CatalogPage): Promise<ClusterList> {
    return this.#rows.page(page);
  }

  /** The notices of each Genesis. */
  override async fetch(request: Request): Promise<Response> {
    this.#rows.note(readClusterNotice(new URL(request.url)));
    return new Response(null, { status: 204 });
  }
}
