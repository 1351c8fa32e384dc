// Which object a replica's place leads to. The local runtime has no jurisdictions, so the platform's
// namespace is played: the same name within another jurisdiction is another object.

import { describe, test } from "vitest";
import type { Jurisdiction } from "../../src/api/replica.ts";
import type { Environment } from "../../src/object/environment.ts";
import { replicaNameOf, replicaStub } from "../../src/object/stubs.ts";

type Namespaces = Pick<Environment, "REPLICA" | "EDGEKEEPER_DEVELOPMENT">;

/** Stubs are texts that say what they were made from. */
function reach(jurisdiction: Jurisdiction | null | undefined, development?: string): unknown {
  const within = (bounds: string): object => ({
    getByName: (name: string, { locationHint }: { locationHint: string }) =>
      `${bounds} ${name} near ${locationHint}`,
    jurisdiction: (one: string) => within(one),
  });
  const environment = {
    REPLICA: within("anywhere"),
    ...(development === undefined ? {} : { EDGEKEEPER_DEVELOPMENT: development }),
  } as unknown as Namespaces;
  // What was stored by earlier code has no jurisdiction at all.
  const place = { region: "weur", generation: 2, jurisdiction: jurisdiction as Jurisdiction };
  return replicaStub(environment, "flags", place);
}

describe("a replica's object", () => {
  test("is within the jurisdiction of its cluster, near its region", ({ expect }) => {
    expect(reach("eu")).toBe("eu flags/weur/2 near weur");
    expect(reach("fedramp")).toBe("fedramp flags/weur/2 near weur");
  });

  test("is anywhere without one", ({ expect }) => {
    for (const none of [null, undefined]) {
      expect(reach(none)).toBe("anywhere flags/weur/2 near weur");
    }
  });

  test("has another name on a developer's machine, where there are no jurisdictions", ({
    expect,
  }) => {
    expect(reach("eu", "1")).toBe("anywhere flags/weur/2@eu near weur");
    expect(reach(null, "1")).toBe("anywhere flags/weur/2 near weur");
    expect(replicaNameOf("flags/weur/2@eu")).toBe("flags/weur/2");
    expect(replicaNameOf("flags/weur/2")).toBe("flags/weur/2");
  });
});
