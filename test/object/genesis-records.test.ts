// What Genesis keeps: a name is given once in all time, and whoever has ended is told, and told to
// leave nothing when its cluster was deleted.

import { beforeEach, describe, test } from "vitest";
import type { Directory, Jurisdiction, Member } from "../../src/api/replica.ts";
import { asClusterId, asMemberId } from "../../src/base/types.ts";
import { GenesisRecords } from "../../src/object/genesis-records.ts";

/** An object's storage, as far as Genesis uses it. */
class Kv {
  readonly #rows = new Map<string, unknown>();

  get<T>(key: string): T | undefined {
    return structuredClone(this.#rows.get(key)) as T | undefined;
  }

  put<T>(key: string, value: T): void {
    this.#rows.set(key, structuredClone(value));
  }

  delete(key: string): boolean {
    return this.#rows.delete(key);
  }

  list<T>({ prefix = "" }: { prefix?: string } = {}): Iterable<[string, T]> {
    return [...this.#rows].filter(([key]) => key.startsWith(prefix)) as [string, T][];
  }
}

const member = (region: string, generation = 1): Member => ({
  id: asMemberId(BigInt(generation)),
  region,
  generation,
});
const cluster = (id: bigint, members: Member[], jurisdiction?: Jurisdiction): Directory => ({
  clusterId: asClusterId(id),
  members,
  ...(jurisdiction === undefined ? {} : { jurisdiction }),
});

let records: GenesisRecords;

beforeEach(() => {
  records = new GenesisRecords(new Kv(), "flags");
});

/** Founded in wnam and enam, both born; then enam/2 took the place of enam/1, and oc was admitted. */
function livedThrough(): void {
  const first = cluster(9n, [member("wnam"), member("enam")], "eu");
  records.decide(first);
  for (const name of ["flags/wnam/1", "flags/enam/1"]) records.issue(name, "nonce");
  records.admit({ member: member("enam", 2), directory: first });
  records.issue("flags/enam/2", "nonce");
  records.remember(cluster(9n, [member("wnam"), member("enam", 2)], "eu"), 5);
  records.admit({ member: member("oc"), directory: first });
}

const names = (): string[] =>
  (records.retirement?.members ?? []).map(
    ({ region, generation, jurisdiction, mustErase }) =>
      `${region}/${generation} in ${jurisdiction}${mustErase === true ? ", erased" : ""}`,
  );

describe("a cluster that is deleted", () => {
  test("is there no more, and neither are the certificates of its replicas", ({ expect }) => {
    livedThrough();
    records.giveUp({ mustErase: true, founder: null });
    expect([records.first, records.latest]).toEqual([null, null]);
    for (const place of ["wnam/1", "enam/1", "enam/2", "oc/1"]) {
      expect(records.certificateOf(`flags/${place}`)).toBeNull();
    }
  });

  test("has all that ever were its replicas emptied, and those that may yet be", ({ expect }) => {
    livedThrough();
    records.giveUp({ mustErase: true, founder: null });
    expect(names().toSorted()).toEqual([
      "enam/1 in eu, erased",
      "enam/2 in eu, erased",
      "oc/1 in eu, erased",
      "wnam/1 in eu, erased",
    ]);
  });

  test("gives no name to the next of its kind, not even one that was only admitted", ({
    expect,
  }) => {
    livedThrough();
    records.giveUp({ mustErase: true, founder: null });
    expect(["wnam", "enam", "oc", "weur"].map((one) => records.freeGeneration(one))).toEqual([
      2, 3, 2, 1,
    ]);
  });

  test("is forgotten as far as it is empty: the next deletion leaves that alone", ({ expect }) => {
    livedThrough();
    records.giveUp({ mustErase: true, founder: null });
    const { members } = records.retirement!;
    const [last] = members.slice(-1);
    for (const place of members.slice(0, -1)) records.erased(place);
    records.keepRetirement({ members: [last!], founder: null, rounds: 3 });
    records.decide(cluster(10n, [member("wnam", 2)]));
    records.giveUp({ mustErase: true, founder: null });
    const kept = `${last!.region}/${last!.generation} in eu, erased`;
    expect(names().toSorted()).toEqual([kept, "wnam/2 in null, erased"].toSorted());
    expect(records.freeGeneration("wnam")).toBe(3);
  });

  test("has its replicas emptied that a recovery had only retired", ({ expect }) => {
    livedThrough();
    const founder = { region: "weur", generation: 1, jurisdiction: "eu" } as const;
    records.reserve(founder);
    records.giveUp({ mustErase: false, founder });
    expect(names().toSorted()).toEqual([
      "enam/1 in eu",
      "enam/2 in eu",
      "oc/1 in eu",
      "wnam/1 in eu",
    ]);
    // All have heard that they are retired, and kept their rows.
    records.keepRetirement(null);
    records.decide(cluster(11n, [member("weur")], "eu"));
    records.giveUp({ mustErase: true, founder: null });
    expect(records.retirement?.founder).toBeNull();
    expect(names()).toHaveLength(5);
    expect(names().every((name) => name.endsWith("erased"))).toBe(true);
  });
});

describe("what the catalog has to hear", () => {
  test("is counted, so that later news are told from earlier ones", ({ expect }) => {
    expect(records.news).toBeNull();
    records.decide(cluster(9n, [member("wnam")]));
    const birth = records.news!;
    records.giveUp({ mustErase: true, founder: null });
    records.toldCatalog(birth, true);
    expect(records.news).toMatchObject({ change: birth.change + 1, isHeard: false });
    records.toldCatalog(records.news!, true);
    expect(records.news).toMatchObject({ isHeard: true });
  });
});

test("what is told of a cluster that was given up is ignored", ({ expect }) => {
  livedThrough();
  records.giveUp({ mustErase: true, founder: null });
  records.remember(cluster(9n, [member("wnam")]), 99);
  records.decide(cluster(10n, [member("wnam", 2)]));
  records.remember(cluster(9n, [member("wnam")]), 100);
  expect(records.latest?.clusterId).toBe(10n);
});
