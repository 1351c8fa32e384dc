// Locks and elections as recipes over a real store, with requests, answers, events, expiries and
// departures in any order.

import { array, assert, asyncProperty, nat } from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeUtf8, encodeUtf8 } from "../../src/base/bytes.ts";
import { asLeaseId, NO_LEASE, type LeaseId } from "../../src/base/types.ts";
import { campaign, leaderOf, observe, proclaim, resign } from "../../src/http/recipes/election.ts";
import { lock } from "../../src/http/recipes/lock.ts";
import { deleteAt, type Place } from "../../src/http/recipes/queue.ts";
import { RequestError } from "../../src/http/response.ts";
import { settle } from "./support/fake-session.ts";
import { PlayedStore, RecipeWorld } from "./support/recipe-world.ts";

const NAME = encodeUtf8("m");
const GONE = new RequestError({ code: 4, message: "context deadline exceeded", status: 504 });

type Contest = (store: PlayedStore, lease: LeaseId) => Promise<Place>;

const CONTESTS: Readonly<Record<string, Contest>> = {
  locks: async (store, lease) => (await lock(store, { name: NAME, lease })).place,
  elections: async (store, lease) => {
    const value = encodeUtf8(`${lease}`);
    return (await campaign(store, { name: NAME, lease, value })).place;
  },
};

interface Contender {
  readonly lease: LeaseId;
  readonly over: AbortController;
  state: "waiting" | "won" | "left";
  place: Place | null;
}

/** Contenders for one queue, and everything that can happen to them. */
class Contenders {
  readonly world = new RecipeWorld();
  readonly all: Contender[] = [];
  /** Create revisions in the order in which their owners heard that they had won. */
  readonly wins: number[] = [];
  readonly #contest: Contest;

  constructor(contest: Contest) {
    this.#contest = contest;
  }

  arrive(): void {
    const lease = this.world.grant(asLeaseId(BigInt(this.all.length + 1)));
    const over = new AbortController();
    const contender: Contender = { lease, over, state: "waiting", place: null };
    this.all.push(contender);
    void this.#contest(new PlayedStore(this.world, over.signal), lease).then(
      (place) => this.#won(contender, place),
      () => (contender.state = "left"),
    );
  }

  expire({ lease }: Contender): void {
    this.world.expire(lease);
  }

  /** The caller waits no longer. */
  give({ over }: Contender): void {
    over.abort(GONE);
  }

  /** The owner is done. */
  end(contender: Contender): void {
    this.world.perform({ kind: "txn", request: deleteAt(contender.place!) });
    contender.state = "left";
  }

  in(state: Contender["state"]): Contender[] {
    return this.all.filter((contender) => contender.state === state);
  }

  /** Whoever has won ends, and everything on the way arrives, until nothing is left to happen. */
  async finish(): Promise<void> {
    for (let rounds = 0; rounds < 1_000; rounds++) {
      while (this.world.turns > 0) await this.world.release(0);
      const owner = this.in("won")[0];
      if (owner === undefined) return;
      this.end(owner);
      await settle();
    }
  }

  #won(contender: Contender, place: Place): void {
    contender.state = "won";
    contender.place = place;
    this.wins.push(place.createRevision);
  }
}

/** What can happen now; each number stands for one of it. */
function actsOf(contenders: Contenders): ((number: number) => void | Promise<void>)[] {
  const { world } = contenders;
  const acts: ((number: number) => void | Promise<void>)[] = [];
  const pick = (state: Contender["state"], number: number): Contender =>
    contenders.in(state)[number % contenders.in(state).length]!;
  if (contenders.all.length < 8) acts.push(() => contenders.arrive());
  // Most of what happens is that something arrives.
  for (let i = 0; i < 6 && world.turns > 0; i++) acts.push((number) => world.release(number));
  if (contenders.in("won").length > 0) acts.push((number) => contenders.end(pick("won", number)));
  if (contenders.in("waiting").length > 0) {
    acts.push((number) => contenders.give(pick("waiting", number)));
    acts.push((number) => contenders.expire(pick("waiting", number)));
    acts.push(() => world.loseWatches());
  }
  if (contenders.in("won").length > 0) {
    acts.push((number) => contenders.expire(pick("won", number)));
  }
  return acts;
}

describe.for(Object.entries(CONTESTS))("%s, whatever happens in which order", ([, contest]) => {
  test("have one owner at a time, in the order of arrival, and leave nobody behind", async () => {
    let won = 0;
    await assert(
      asyncProperty(
        array(nat(), { minLength: 20, maxLength: 100, size: "max" }),
        async (numbers) => {
          const contenders = new Contenders(contest);
          for (const number of numbers) {
            const acts = actsOf(contenders);
            if (acts.length === 0) break;
            await acts[number % acts.length]!(Math.floor(number / 16));
            await settle();
            ownsAlone(contenders);
          }
          await contenders.finish();
          // Who has waited has been told something, and no key is left of those who left.
          expect(contenders.in("waiting")).toEqual([]);
          expect(contenders.world.kv.range("m/", "m0")).toEqual([]);
          won += contenders.wins.length;
        },
      ),
      { numRuns: 200, endOnFailure: true },
    );
    expect(won).toBeGreaterThan(20);
  });
});

/** Of those who have won and whose keys are there, one at most, and nobody came before it. */
function ownsAlone(contenders: Contenders): void {
  const { world } = contenders;
  const alive = world.contendersAt(world.kv.store.revision);
  const owners = contenders.all.filter(
    ({ state, place }) => state === "won" && alive.includes(place!.createRevision),
  );
  expect(owners.length).toBeLessThanOrEqual(1);
  for (const { place } of owners) expect(place!.createRevision).toBe(alive[0]);
}

/** A world in which nothing takes time. */
function instant(): { world: RecipeWorld; store: PlayedStore } {
  const world = new RecipeWorld();
  world.isInstant = true;
  for (const id of [1n, 2n, 3n]) world.grant(asLeaseId(id));
  return { world, store: new PlayedStore(world) };
}

const lease = (id: number): LeaseId => asLeaseId(BigInt(id));
const failure = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "no error",
    (error: Error) => error.message,
  );

describe("a lock", () => {
  test("has a key of its lease, in lower-case hexadecimal", async () => {
    const { world, store } = instant();
    for (const [id, name] of [
      [255n, "m/ff"],
      [-5n, "m/-5"],
      [2n ** 63n - 1n, "m/7fffffffffffffff"],
    ] as const) {
      world.grant(asLeaseId(id));
      const { place } = await lock(store, { name: NAME, lease: asLeaseId(id) });
      expect(decodeUtf8(place.key)).toBe(name);
      world.expire(asLeaseId(id));
    }
  });

  test("without a lease gets one of its own", async () => {
    const { store } = instant();
    const { place } = await lock(store, { name: NAME, lease: NO_LEASE });
    expect(place.lease).toBe(777n);
  });

  test("that is held is told so again, as of the same creation", async () => {
    const { store } = instant();
    const first = await lock(store, { name: NAME, lease: lease(1) });
    expect(await lock(store, { name: NAME, lease: lease(1) })).toEqual(first);
  });

  test("whose lease ended while it waited is not held, and is told so when its turn comes", async () => {
    const { world, store } = instant();
    const { place } = await lock(store, { name: NAME, lease: lease(1) });
    const waiting = failure(lock(store, { name: NAME, lease: lease(2) }));
    await settle();
    world.expire(lease(2));
    world.perform({ kind: "txn", request: deleteAt(place) });
    expect(await waiting).toBe("mutex: session is expired");
  });

  test("is not taken for another's: a key that was deleted and created anew stands at the end", async () => {
    const { world, store } = instant();
    const { place } = await lock(store, { name: NAME, lease: lease(1) });
    const lost = failure(lock(store, { name: NAME, lease: lease(2) }));
    await settle();
    world.kv.leases.add(lease(2));
    world.write((kv) => kv.deleteKeysOfLease(lease(2)));
    const again = lock(store, { name: NAME, lease: lease(2) });
    await settle();
    world.perform({ kind: "txn", request: deleteAt(place) });
    expect(await lost).toBe("mutex: session is expired");
    expect((await again).place.createRevision).toBeGreaterThan(place.createRevision + 1);
  });

  test("that nobody waits for any more leaves the queue to the others", async () => {
    const { world, store } = instant();
    const over = new AbortController();
    await lock(store, { name: NAME, lease: lease(1) });
    const waiting = lock(new PlayedStore(world, over.signal), { name: NAME, lease: lease(2) });
    const failed = failure(waiting);
    await settle();
    over.abort(GONE);
    expect(await failed).toBe("context deadline exceeded");
    expect(world.kv.range("m/", "m0")).toEqual(["m/1= c2 m2 v1 l1"]);
  });
});

describe("an election", () => {
  const stand = (store: PlayedStore, id: number, value: string) =>
    campaign(store, { name: NAME, lease: lease(id), value: encodeUtf8(value) });

  test("entered again with another value proclaims it, with the header of the entry", async () => {
    const { store } = instant();
    await stand(store, 1, "a");
    const { header, place } = await stand(store, 1, "b");
    expect([header.revision, place.createRevision]).toEqual([2, 2]);
    const { kv } = await leaderOf(store, NAME);
    expect([decodeUtf8(kv.value), kv.modRevision]).toEqual(["b", 3]);
  });

  test("tells a candidate whose lease ended while it waited that it does not lead", async () => {
    const { world, store } = instant();
    const { place } = await stand(store, 1, "a");
    const waiting = failure(stand(store, 2, "b"));
    await settle();
    world.expire(lease(2));
    await resign(store, place);
    expect(await waiting).toBe("election: not leader");
  });

  test("takes no word of one who does not lead, and lets it resign from nothing", async () => {
    const { world, store } = instant();
    const { place } = await stand(store, 1, "a");
    const wrong = { ...place, createRevision: world.header().term as never };
    expect(await failure(proclaim(store, wrong, encodeUtf8("x")))).toBe("election: not leader");
    await resign(store, wrong);
    expect(decodeUtf8((await leaderOf(store, NAME)).kv.value)).toBe("a");
    await resign(store, place);
    expect(await failure(leaderOf(store, NAME))).toBe("election: no leader");
  });

  test("is observed: the leader, its words, its successors, each once", async () => {
    const { world, store } = instant();
    const over = new AbortController();
    const seen: string[] = [];
    const watching = (async () => {
      for await (const { header, kv } of observe(new PlayedStore(world, over.signal), NAME)) {
        seen.push(`${decodeUtf8(kv.value)}@${header.revision}`);
      }
    })();
    const ended = failure(watching);
    await settle();
    const { place } = await stand(store, 1, "a");
    const next = stand(store, 2, "b");
    await settle();
    await proclaim(store, place, encodeUtf8("a2"));
    await settle();
    world.loseWatches();
    await settle();
    await resign(store, place);
    await next;
    await settle();
    world.expire(lease(2));
    await settle();
    await stand(store, 3, "c");
    await settle();
    over.abort(GONE);
    expect(await ended).toBe("context deadline exceeded");
    expect(seen).toEqual(["a@2", "a2@4", "b@5", "c@7"]);
  });
});
