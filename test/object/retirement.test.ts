// One round of telling replicas that their cluster has ended: who hears what, and what is left.

import { describe, test } from "vitest";
import { asClusterId } from "../../src/base/types.ts";
import type { Environment } from "../../src/object/environment.ts";
import {
  leftToTell,
  retireOnce,
  type Retired,
  type Retirement,
} from "../../src/object/recovery.ts";

/** Replicas that hear, but for those that are away; and what they were told. */
function world(...away: string[]) {
  const told: string[] = [];
  const REPLICA = {
    getByName: (name: string) => ({
      fetch: async (url: string) => {
        if (away.includes(name)) throw new Error("Network connection lost.");
        told.push(`${name} ${new URL(url).pathname}`);
        return new Response(null, { status: 204 });
      },
    }),
  };
  const environment = { REPLICA } as unknown as Environment;
  return { told, context: { environment, cluster: "flags" } };
}

const place = (region: string, mustErase: boolean): Retired => ({
  region,
  generation: 1,
  jurisdiction: null,
  mustErase,
});
const retirement = (...members: Retired[]): Retirement => ({ members, founder: null, rounds: 0 });
const SUCCESSORS = { clusterId: asClusterId(9n), members: [] };

describe("a round", () => {
  test("tells some to retire and others to leave nothing; who is away is left", async ({
    expect,
  }) => {
    const { told, context } = world("flags/weur/1");
    const all = retirement(place("wnam", false), place("enam", true), place("weur", true));
    const isHeard = await retireOnce(context, SUCCESSORS, all);
    expect(told.toSorted()).toEqual(["flags/enam/1 /erase", "flags/wnam/1 /retire"]);
    expect(leftToTell(all, isHeard)).toEqual({ ...retirement(place("weur", true)), rounds: 1 });
  });

  test("in which a replica heard that it is retired does not count for one deleted meanwhile", async ({
    expect,
  }) => {
    const { context } = world();
    const isHeard = await retireOnce(context, SUCCESSORS, retirement(place("wnam", false)));
    const deleted = retirement(place("wnam", true));
    expect(leftToTell(deleted, isHeard)).toEqual({ ...deleted, rounds: 1 });
    expect(leftToTell(retirement(place("wnam", false)), isHeard)).toBeNull();
  });
});
