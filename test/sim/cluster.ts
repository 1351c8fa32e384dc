// Owns the replicas of one run and the faults that strike them: who crashes when, whose clock goes
// wrong, who is cut off. In the end a quorum heals for good, while the rest may suffer on.

import type { Member, Membership } from "../../src/base/membership.ts";
import { asClusterId, asLogIndex, asMemberId } from "../../src/base/types.ts";
import { CLUSTER_VERSION_MIN, CODE_VERSION } from "../../src/base/versions.ts";
import type { Identity } from "../../src/replica/core.ts";
import type { Chance } from "./chance.ts";
import type { Ledger } from "./ledger.ts";
import { Network, type Place } from "./network.ts";
import type { Crash } from "./instance.ts";
import { SimObject } from "./object.ts";
import type { Plan } from "./plan.ts";
import type { World } from "./world.ts";

export class Cluster {
  /** All that ever were, those removed as well. */
  readonly objects: SimObject[] = [];
  readonly network: Network;
  /** The latest membership that any replica has applied. */
  membership: Membership;
  /** How far clocks have gone ahead of time by steps, all together. */
  clockLeadMs = 0;
  /** Replicas that hear and are not heard, for ever. */
  readonly mute: SimObject[] = [];
  readonly #world: World;
  readonly #plan: Plan;
  readonly #crashes: Chance;
  readonly #strikes: Chance;
  readonly #clocks: Chance;
  readonly #byId = new Map<bigint, SimObject>();
  readonly #ledger: Ledger;
  #isHealed = false;

  constructor(world: World, plan: Plan, ledger: Ledger) {
    this.#world = world;
    this.#plan = plan;
    this.#crashes = world.streams.stream("crashes");
    this.#strikes = world.streams.stream("strikes");
    this.#clocks = world.streams.stream("clock faults");
    this.#ledger = ledger;
    this.network = new Network(world, this.#byId, {
      voteGranted: (voter) => this.#voteGranted(voter),
      termOpened: (leader) => this.#termOpened(leader),
    });
    const ids = Array.from({ length: plan.members }, (_, n) => asMemberId(BigInt(n + 1)));
    const members = ids.map((id) => ({ id, region: `region-${id}`, generation: 1 }));
    const directory = { clusterId: asClusterId(99n), members };
    const configuration = { voters: ids, outgoing: [], learners: [] };
    this.membership = { configuration, members, removed: [], index: asLogIndex(0) };
    ledger.configured(ids.map(Number));
    for (const memberId of ids) this.#make({ memberId, directory, configuration });
  }

  /** A new object, born for a region of its own; null while nobody leads. */
  join(): Member | null {
    const leader = this.objects.find(({ status }) => status?.role === "leader");
    const directory = leader?.directory ?? null;
    if (directory === null) return null;
    const id = asMemberId(BigInt(this.objects.length + 1));
    const configuration = { voters: [], outgoing: [], learners: [] };
    this.#make({ memberId: id, directory, configuration }).wake();
    return { id, region: `region-${id}`, generation: 1 };
  }

  /** The replicas of the present members. */
  get memberObjects(): readonly SimObject[] {
    return this.membership.members.map(({ id }) => this.#byId.get(id)!);
  }

  #make(identity: Identity): SimObject {
    const plan = this.#plan;
    const place = this.objects.length % plan.offsetsMs.length;
    const object = new SimObject({
      identity,
      world: this.#world,
      ledger: this.#ledger,
      offsetMs: plan.offsetsMs[place]!,
      drift: plan.drifts[place]!,
      timing: plan.timing,
      codeVersion: plan.isUpgraded ? CLUSTER_VERSION_MIN : CODE_VERSION,
      adopt: (membership) => this.#adopt(membership),
      send: (from, instance, send) => this.network.send(from, instance, send),
    });
    this.#byId.set(identity.memberId, object);
    this.objects.push(object);
    return object;
  }

  #adopt(membership: Membership): void {
    if (membership.index <= this.membership.index) return;
    this.membership = membership;
    const { voters, outgoing } = membership.configuration;
    this.#ledger.configured(voters.map(Number));
    this.#world.mark(outgoing.length > 0 ? "joint configuration" : "simple configuration");
    this.#world.trace.note("members", voters.length, outgoing.length, membership.index);
  }

  start(): void {
    const { faults } = this.#plan;
    for (const object of this.objects) object.wake();
    this.#repeat(this.#crashes, faults.crashEveryMs, () => this.#crashOne(false));
    this.#repeat(this.#crashes, faults.evictEveryMs, () => this.#crashOne(true));
    this.#repeat(this.#crashes, faults.deployEveryMs, () => this.#deploy());
    this.#repeat(this.#strikes, faults.partitionEveryMs, () => this.#partition());
    this.#repeat(this.#clocks, faults.clockStepEveryMs, () => this.#stepClock());
    this.#repeat(this.#clocks, faults.clockFreezeEveryMs, () => this.#freezeClock());
    const urges = this.#world.streams.stream("urge");
    this.#repeat(urges, faults.urgeEveryMs, () => {
      for (let count = urges.between(1, 3); count > 0; count--) {
        const object = urges.pick(this.objects);
        object.urge(object.status?.term ?? 0);
      }
    });
  }

  /**
   * Ends the faults but for those of a minority, where one is drawn: its members stay down, crash on,
   * or are cut off. Returns those that are well from now on.
   */
  heal(clients: readonly Place[]): readonly SimObject[] {
    const chance = this.#world.streams.stream("heal");
    const size = this.objects.length;
    const isWhole = chance.next() < 0.5 || this.#plan.operateEveryMs !== null;
    const brokenCount = isWhole ? 0 : Math.floor((size - 1) / 2);
    const first = chance.between(0, size);
    const healthy = this.objects.filter(
      (_, position) => (position - first + size) % size >= brokenCount,
    );
    this.#isHealed = true;
    this.network.heal(new Set([...healthy.map(({ number }) => number), ...clients]));
    for (const object of healthy) {
      object.isFaulty = false;
      object.machine.thaw();
      object.revive();
    }
    const broken = this.objects.filter((object) => !healthy.includes(object));
    for (const object of broken) this.#breakForGood(object, chance, healthy);
    this.#world.trace.note("heal", healthy.length, broken.length, first);
    return healthy;
  }

  close(): void {
    for (const object of this.objects) object.close();
  }

  #breakForGood(object: SimObject, chance: Chance, healthy: readonly SimObject[]): void {
    const kind = chance.between(0, 4);
    const others = healthy.map(({ number }) => number);
    if (kind === 0) object.crash({ ...this.#drawCrash(), zombieMs: 0, downMs: Infinity });
    if (kind === 1) this.network.cutOff(object.number, others, "in");
    if (kind === 2) {
      this.mute.push(object);
      this.network.cutOff(object.number, others, "out");
    }
    if (kind !== 3) return;
    const { schedule } = this.#world;
    const again = (): void => {
      if (object.isUp) object.crash(this.#drawCrash());
      schedule.after(chance.around(800), again);
    };
    again();
  }

  #crashOne(isEviction: boolean): void {
    const crash = this.#drawCrash();
    const object = this.#crashes.pick(this.objects);
    if (!object.isUp || this.#isHealed) return;
    object.crash(isEviction ? { ...crash, isEviction, zombieMs: 0, downMs: 1 } : crash);
  }

  #deploy(): void {
    this.#world.mark("deploy");
    for (const object of this.objects) {
      object.crash({ ...this.#drawCrash(), downMs: this.#crashes.between(1, 300) });
    }
  }

  #drawCrash(): Crash {
    const { faults } = this.#plan;
    const chance = this.#crashes;
    const share = chance.next();
    const loses = chance.next() < faults.turnLossRate ? share : 0;
    const isLong = chance.next() < 0.4;
    const downMs = isLong ? chance.between(50, 3_000) : chance.between(1, 50);
    const zombieMs = chance.pick([100, 1_000, 5_000, 60_000]);
    const isZombie = chance.next() < faults.zombieRate;
    return { loses, zombieMs: isZombie ? zombieMs : 0, downMs, isEviction: false };
  }

  #partition(): void {
    const leader = this.objects.find(({ status }) => status?.role === "leader");
    this.network.partition(
      this.objects.map(({ number }) => number),
      leader?.number ?? null,
    );
  }

  #stepClock(): void {
    const object = this.#clocks.pick(this.objects);
    const ms = this.#clocks.pick([-60_000, -1_000, -50, 20, 200, 1_500]);
    if (ms > 0) this.clockLeadMs += ms;
    object.machine.step(ms);
    this.#world.trace.note("clock step", object.number, ms);
  }

  /** A clock that stands and then catches up has gone ahead of what it was compared with. */
  #freezeClock(): void {
    const object = this.#clocks.pick(this.objects);
    const ms = this.#clocks.between(10, 2_000);
    object.machine.freeze();
    this.clockLeadMs += ms;
    this.#world.trace.note("clock freeze", object.number, ms);
    this.#world.schedule.after(ms, () => object.machine.thaw());
  }

  #voteGranted(voter: SimObject): void {
    if (this.#isHealed || !this.#strikes.hits(this.#plan.faults.voterCrashRate)) return;
    this.#world.schedule.after(this.#strikes.between(0, 5), () => {
      if (!this.#isHealed) voter.crash({ ...this.#drawCrash(), downMs: 1 });
    });
  }

  #termOpened(leader: SimObject): void {
    if (this.#isHealed || !this.#strikes.hits(this.#plan.faults.winnerFaultRate)) return;
    const isCut = this.#strikes.next() < 0.5;
    this.#world.schedule.after(this.#strikes.between(0, 60), () => {
      if (this.#isHealed) return;
      if (isCut) this.#partition();
      else leader.crash(this.#drawCrash());
    });
  }

  /** Does something about every `meanMs` until the faults end; never when `meanMs` is 0. */
  #repeat(chance: Chance, meanMs: number, body: () => void): void {
    if (meanMs === 0) return;
    this.#world.schedule.after(chance.around(meanMs), () => {
      if (this.#isHealed) return;
      body();
      this.#repeat(chance, meanMs, body);
    });
  }
}
