// Owns deploys of another version of the code: replica by replica to the newest, now and then one of
// them back and forth, and in the end all back to the oldest, as an operator is told to do it.
//
//   1 1 1 -> 2 1 1 -> 1 1 1 -> 2 1 1 -> 2 2 2, raised -> capped, applied everywhere -> 1 2 2 -> 1 1 1

import { CLUSTER_VERSION_MIN, CODE_VERSION } from "../../../src/base/versions.ts";
import type { Chance } from "../chance.ts";
import type { SimObject } from "../object.ts";
import type { World } from "../world.ts";
import type { Router } from "./router.ts";

export interface UpgraderOptions {
  readonly router: Router;
  readonly world: World;
  readonly objects: readonly SimObject[];
}

/** Mean time between two steps. */
const STEP_MS = 500;

/** After this nothing of a request for a cap is on its way any more. */
const CAP_SETTLES_MS = 5_000;

export class Upgrader {
  readonly #options: UpgraderOptions;
  readonly #chance: Chance;
  #isStopped = false;

  constructor(options: UpgraderOptions) {
    this.#options = options;
    this.#chance = options.world.streams.stream("upgrader");
  }

  start(): void {
    this.#later(() => this.#raise());
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** The last one goes when all others have gone for good: then the cluster's version may rise. */
  #raise(): void {
    const { objects, world } = this.#options;
    const old = objects.filter(({ codeVersion }) => codeVersion < CODE_VERSION);
    const fresh = objects.filter(({ codeVersion }) => codeVersion === CODE_VERSION);
    if (old.length === 0) {
      if (!objects.every(isRaised)) return this.#later(() => this.#raise());
      world.mark("cluster version raised");
      return this.#later(() => this.#cap());
    }
    const turnsBack = old.length > 1 && fresh.length > 0 && this.#chance.next() < 0.3;
    if (turnsBack) this.#deploy(this.#chance.pick(fresh), CLUSTER_VERSION_MIN);
    else this.#deploy(this.#pickFirst(old), CODE_VERSION);
    this.#later(() => this.#raise());
  }

  /** Often the leader: the newest code must see that it leads older ones. */
  #pickFirst(old: readonly SimObject[]): SimObject {
    const leader = old.find(({ status }) => status?.role === "leader");
    const anyone = this.#chance.pick(old);
    return this.#chance.next() < 0.5 ? (leader ?? anyone) : anyone;
  }

  /** Asks until it is answered; what was asked in vain may still happen, for a while. */
  #cap(): void {
    const { router, world } = this.#options;
    router.ask({ kind: "capVersion", cap: CLUSTER_VERSION_MIN }, (result) => {
      if (result.kind !== "answered") return this.#later(() => this.#cap());
      world.mark("cluster version capped");
      world.schedule.after(CAP_SETTLES_MS, () => {
        const ends = this.#options.objects.map(({ observer }) => observer.standing.log.length - 1);
        this.#lower(Math.max(...ends));
      });
    });
  }

  /** Whoever has applied everything that the older code may not know, up to `end`, goes back. */
  #lower(end: number): void {
    const { objects, world } = this.#options;
    if (this.#isStopped) return;
    const next = objects.find(
      (object) =>
        object.codeVersion > CLUSTER_VERSION_MIN && object.observer.standing.applied >= end,
    );
    if (next !== undefined) this.#deploy(next, CLUSTER_VERSION_MIN);
    const isDone = objects.every(({ codeVersion }) => codeVersion === CLUSTER_VERSION_MIN);
    if (isDone) world.mark("code went back");
    else this.#later(() => this.#lower(end));
  }

  #deploy(object: SimObject, codeVersion: number): void {
    const { trace } = this.#options.world;
    trace.note("deploy version", object.number, codeVersion);
    object.codeVersion = codeVersion;
    const zombieMs = this.#chance.pick([0, 0, 500]);
    object.crash({ loses: 0, zombieMs, downMs: 1, isEviction: false });
  }

  #later(step: () => void): void {
    const { schedule } = this.#options.world;
    schedule.after(this.#chance.around(STEP_MS), () => {
      if (!this.#isStopped) step();
    });
  }
}

const isRaised = ({ database }: SimObject): boolean => {
  const [row] = database.all<{ version: number }>(
    "SELECT cluster_version AS version FROM meta",
    [],
  );
  return row!.version === CODE_VERSION;
};
