// What an isolate believes about a cluster: which news changes its mind, and which does not.

import { describe, expect, test } from "vitest";
import type { Directory, ReplicaAnswer } from "../../src/api/replica.ts";
import { asClusterId, asLogIndex } from "../../src/base/types.ts";
import { ClusterView, ClusterViews } from "../../src/http/cluster-view.ts";
import { contactName, type Contact } from "../../src/http/contact.ts";
import { byDistance } from "../../src/http/distance.ts";
import { follows, headerOf, memberId, REGIONS } from "./support/fake-network.ts";

type Redirect = Extract<ReplicaAnswer, { kind: "redirect" }>;
const redirect = (leader: string | null, term: number): Redirect =>
  follows(leader, term)(undefined as never) as Redirect;
const contact = (region: string): Contact => ({
  region,
  generation: 1,
  jurisdiction: null,
  id: memberId(region),
});

describe("the view of a cluster", () => {
  test("news of a lower term change nothing", () => {
    const view = new ClusterView(REGIONS);
    view.heardRedirect(contact("enam"), redirect("weur", 6));
    view.heardRedirect(contact("wnam"), redirect("enam", 4));
    expect([view.leader?.region, view.term]).toEqual(["weur", 6]);
    view.heardLeader(contact("enam"), headerOf("enam", 5));
    expect([view.leader?.region, view.term]).toEqual(["weur", 6]);
  });

  test("within a term, `I know none` takes nothing back, unless the leader says it", () => {
    const view = new ClusterView(REGIONS);
    view.heardLeader(contact("wnam"), headerOf("wnam", 3));
    view.heardRedirect(contact("enam"), redirect(null, 3));
    expect(view.leader?.region).toBe("wnam");
    view.heardRedirect(contact("wnam"), redirect(null, 3));
    expect(view.leader).toBeNull();
  });

  test("a higher term without a leader forgets the old one", () => {
    const view = new ClusterView(REGIONS);
    view.heardLeader(contact("wnam"), headerOf("wnam", 3));
    view.heardRedirect(contact("enam"), redirect(null, 4));
    expect([view.leader, view.term]).toEqual([null, 4]);
  });

  test("who broke is left alone for longer each time, until it is heard of again", () => {
    const view = new ClusterView(REGIONS);
    const wnam = contact("wnam");
    /** For how long it is left alone when it breaks at `now`. */
    const pauseAfter = (now: number): number => {
      view.failed(wnam, { hung: false, now });
      let ms = 0;
      while (view.isAvoided(wnam, now + ms)) ms++;
      return ms;
    };
    const first = pauseAfter(0);
    expect(first).toBeGreaterThan(0);
    expect(pauseAfter(10_000)).toBe(2 * first);
    expect(pauseAfter(20_000)).toBe(4 * first);
    view.heardRedirect(wnam, redirect(null, 1));
    expect(pauseAfter(30_000)).toBe(first);
    const pauses = Array.from({ length: 20 }, (_, index) => pauseAfter(40_000 + index * 10_000));
    expect(Math.max(...pauses)).toBe(2_000);
  });

  test("calls that break together are one failure", () => {
    const view = new ClusterView(REGIONS);
    const wnam = contact("wnam");
    view.failed(wnam, { hung: false, now: 0 });
    const isBack = (now: number): boolean => !view.isAvoided(wnam, now);
    const back = Array.from({ length: 200 }, (_, ms) => ms).find(isBack)!;
    for (let count = 0; count < 16; count++) view.failed(wnam, { hung: false, now: 0 });
    expect(view.isAvoided(wnam, back)).toBe(false);
  });

  test("a leader that hung is lost, once per term; one that broke once may only be restarting", () => {
    const view = new ClusterView(REGIONS);
    const wnam = contact("wnam");
    view.heardLeader(wnam, headerOf("wnam", 3));
    expect(view.takeLostTerm(0)).toBeNull();
    view.failed(wnam, { hung: false, now: 0 });
    expect(view.takeLostTerm(0)).toBeNull();
    view.failed(wnam, { hung: true, now: 1_000 });
    expect([view.takeLostTerm(1_000), view.takeLostTerm(1_000)]).toEqual([3, null]);
    view.heardLeader(wnam, headerOf("wnam", 4));
    view.failed(wnam, { hung: true, now: 2_000 });
    expect(view.takeLostTerm(2_000)).toBe(4);
  });

  describe("whose members change", () => {
    const names = (view: ClusterView): string[] => view.contacts.map(contactName);
    const directory = (
      version: number | null,
      texts: readonly string[],
      clusterId = 9n,
    ): Directory => ({
      clusterId: asClusterId(clusterId),
      members: texts.map((text) => {
        const [region, generation] = text.split("/");
        return { id: memberId(region!), region: region!, generation: Number(generation) };
      }),
      ...(version === null ? {} : { version: asLogIndex(version) }),
    });
    const told = (term: number, of: Directory, leader: string | null = null): Redirect => ({
      ...redirect(leader, term),
      directory: of,
    });
    const BORN = directory(null, ["wnam/1", "enam/1", "weur/1"]);

    test("the newer directory counts, whatever the term of who tells it", () => {
      const view = new ClusterView(REGIONS);
      view.heardRedirect(contact("enam"), told(6, directory(5, ["enam/1", "weur/1"])));
      view.heardRedirect(contact("weur"), told(7, BORN));
      expect(names(view)).toEqual(["enam/1", "weur/1"]);
      view.heardRedirect(contact("enam"), told(2, directory(8, ["enam/1", "wnam/2"])));
      expect(names(view)).toEqual(["enam/1", "wnam/2"]);
      expect(view.term).toBe(7);
    });

    test("genesis, who knows the first members only, does not bring the removed back", () => {
      const view = new ClusterView(REGIONS);
      view.heardRedirect(contact("enam"), told(6, directory(5, ["enam/1", "weur/1"])));
      view.heardGenesis(BORN, 0);
      expect(names(view)).toEqual(["enam/1", "weur/1"]);
    });

    test("a leader that was removed is forgotten, and so is its place", () => {
      const view = new ClusterView(REGIONS);
      view.heardLeader(contact("wnam"), headerOf("wnam", 3));
      view.heardRemoved(contact("wnam"), BORN);
      expect([view.leader, names(view)]).toEqual([null, ["enam/1", "weur/1"]]);
      view.heardRedirect(contact("enam"), told(3, BORN, "weur"));
      expect([view.leader?.region, names(view)]).toEqual(["weur", ["enam/1", "weur/1"]]);
    });

    test("a removed replica knows where the others went", () => {
      const view = new ClusterView(REGIONS);
      view.heardRemoved(contact("wnam"), directory(9, ["apac/1", "sam/1"]));
      expect(names(view)).toEqual(["apac/1", "sam/1"]);
    });

    test("when all that are known were removed, genesis' word is taken for what it is worth", () => {
      const view = new ClusterView(["wnam"]);
      const alone = directory(null, ["wnam/1"]);
      view.heardRemoved(contact("wnam"), alone);
      expect(names(view)).toEqual([]);
      view.heardGenesis(alone, 0);
      expect(names(view)).toEqual(["wnam/1"]);
    });

    test("only genesis may say that the cluster is another one now", () => {
      const view = new ClusterView(REGIONS);
      view.heardRedirect(contact("enam"), told(6, directory(5, ["enam/1", "weur/1"]), "weur"));
      const rebuilt = directory(null, ["enam/2"], 10n);
      view.heardRedirect(contact("wnam"), told(9, rebuilt));
      expect([view.term, view.leader?.region, names(view)[0]]).toEqual([6, "weur", "enam/1"]);
      view.heardGenesis(rebuilt, 0);
      expect([view.term, view.leader, names(view)]).toEqual([0, null, ["enam/2"]]);
    });

    // Terms of the new cluster may be lower: its leader would never be remembered.
    test("is told from the old one although only a leader's answer was heard of that", () => {
      const view = new ClusterView(REGIONS);
      view.heardLeader(contact("wnam"), headerOf("wnam", 6));
      const rebuilt = directory(null, ["enam/2"], 10n);
      view.heardGenesis(rebuilt, 0);
      expect([view.term, view.leader, names(view)]).toEqual([0, null, ["enam/2"]]);
    });
  });

  test("one request at a time finds out whether a replica that failed is back", () => {
    const view = new ClusterView(REGIONS);
    const wnam = contact("wnam");
    view.failed(wnam, { hung: true, now: 0 });
    expect(view.isAvoided(wnam, 1_999)).toBe(true);
    expect(view.isAvoided(wnam, 2_000)).toBe(false);
    view.asking(wnam, 2_000);
    expect(view.isAvoided(wnam, 2_001)).toBe(true);
    view.heardRedirect(wnam, redirect(null, 1));
    expect(view.isAvoided(wnam, 2_001)).toBe(false);
  });

  test("an isolate remembers a thousand clusters, those that it used last", () => {
    const views = new ClusterViews(REGIONS);
    const first = views.of("first");
    for (let count = 0; count < 999; count++) views.of(`cluster-${count}`);
    expect(views.of("first")).toBe(first);
    views.of("one-more");
    expect(views.of("first")).toBe(first);
    const second = views.of("cluster-1");
    for (let count = 0; count < 1_000; count++) views.of(`other-${count}`);
    expect(views.of("cluster-1")).not.toBe(second);
  });
});

describe("distance", () => {
  const order = (regions: readonly string[], continent: string | null): string[] =>
    byDistance(
      regions.map((region) => ({ region })),
      continent,
    ).map(({ region }) => region);

  test("puts the nearest first, and keeps the configured order where it knows nothing", () => {
    expect(order(REGIONS, "EU")).toEqual(["weur", "enam", "wnam"]);
    expect(order(REGIONS, "NA")).toEqual(["enam", "wnam", "weur"]);
    expect(order(REGIONS, null)).toEqual([...REGIONS]);
    expect(order(REGIONS, "AN")).toEqual([...REGIONS]);
    expect(order(["moon", "mars", "weur"], "EU")).toEqual(["weur", "moon", "mars"]);
  });
});
