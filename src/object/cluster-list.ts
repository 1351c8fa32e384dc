// Owns the rows of the list of clusters: what was told of each name, and pages of what there is.

import type { CatalogPage, ClusterList, ListedCluster } from "../api/catalog.ts";
import { JURISDICTIONS } from "../base/membership.ts";
import type { SqlPort } from "../base/ports.ts";
import { asClusterId } from "../base/types.ts";

/** A name that is gone keeps its row: a notice that was sent before may come late. */
const SCHEMA = `
CREATE TABLE IF NOT EXISTS listed_cluster (
  name TEXT PRIMARY KEY,
  change INTEGER NOT NULL,
  cluster_id TEXT,
  jurisdiction TEXT
) WITHOUT ROWID`;

type Row = {
  readonly name: string;
  readonly cluster_id: string;
  readonly jurisdiction: string | null;
};

/** What the Genesis of `name` says: that there is a cluster, or (null) none. */
export interface ClusterNotice {
  readonly name: string;
  /** Counts foundings and endings of the name: what is not higher than what is known is ignored. */
  readonly change: number;
  readonly cluster: Omit<ListedCluster, "name"> | null;
}

export class ClusterRows {
  readonly #sql: SqlPort;

  constructor(sql: SqlPort) {
    this.#sql = sql;
    sql.run(SCHEMA);
  }

  note({ name, change, cluster }: ClusterNotice): void {
    this.#sql.run(
      `INSERT INTO listed_cluster (name, change, cluster_id, jurisdiction) VALUES (?, ?, ?, ?)
       ON CONFLICT (name) DO UPDATE SET
         change = excluded.change,
         cluster_id = excluded.cluster_id,
         jurisdiction = excluded.jurisdiction
       WHERE excluded.change > listed_cluster.change`,
      name,
      change,
      cluster === null ? null : String(cluster.clusterId),
      cluster?.jurisdiction ?? null,
    );
  }

  page({ after, limit }: CatalogPage): ClusterList {
    const rows = this.#sql.all<Row>(
      `SELECT name, cluster_id, jurisdiction FROM listed_cluster
       WHERE name > ? AND cluster_id IS NOT NULL ORDER BY name LIMIT ?`,
      after,
      limit + 1,
    );
    const clusters = rows.slice(0, limit).map((row) => ({
      name: row.name,
      clusterId: asClusterId(BigInt(row.cluster_id)),
      jurisdiction: JURISDICTIONS.find((one) => one === row.jurisdiction) ?? null,
    }));
    return { clusters, more: rows.length > limit };
  }
}
