// The list of clusters: notices come late, twice and out of order, and pages go on where others end.

import { beforeEach, describe, test } from "vitest";
import type { CatalogPage } from "../../src/api/catalog.ts";
import { asClusterId } from "../../src/base/types.ts";
import { ClusterRows } from "../../src/object/cluster-list.ts";
import { openNodeSql } from "../support/node-sql.ts";

let rows: ClusterRows;

beforeEach(() => {
  rows = new ClusterRows(openNodeSql());
});

const founded = (name: string, change: number, id = 18_446_744_073_709_551_615n): void =>
  rows.note({ name, change, cluster: { clusterId: asClusterId(id), jurisdiction: "eu" } });
const ended = (name: string, change: number): void => rows.note({ name, change, cluster: null });
const names = (page: Partial<CatalogPage> = {}): string[] =>
  rows.page({ after: "", limit: 10, ...page }).clusters.map(({ name }) => name);

describe("the list", () => {
  test("shows a cluster with its id, all 64 bits of it, and its jurisdiction", ({ expect }) => {
    founded("a", 1);
    expect(rows.page({ after: "", limit: 1 })).toEqual({
      clusters: [{ name: "a", clusterId: 18_446_744_073_709_551_615n, jurisdiction: "eu" }],
      more: false,
    });
  });

  test("is sorted, and goes on where a page ended", ({ expect }) => {
    for (const name of ["c", "a", "d", "b"]) founded(name, 1);
    ended("b", 2);
    expect(rows.page({ after: "", limit: 2 }).more).toBe(true);
    expect(names({ limit: 2 })).toEqual(["a", "c"]);
    expect(names({ after: "c" })).toEqual(["d"]);
    expect(rows.page({ after: "a", limit: 2 }).more).toBe(false);
  });

  test("believes the latest notice of a name, in whichever order they come", ({ expect }) => {
    ended("a", 2);
    founded("a", 1);
    expect(names()).toEqual([]);
    founded("a", 3, 7n);
    ended("a", 2);
    founded("a", 3, 8n);
    expect(rows.page({ after: "", limit: 1 }).clusters).toMatchObject([{ clusterId: 7n }]);
  });
});
