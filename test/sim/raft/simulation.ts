// Owns one run: a cluster of replicas in virtual time, clients, and faults, all drawn from one seed.
// First anything goes; then the faults end and the cluster must come back within a bound.

import { asMemberId, type MemberId } from "../../../src/base/types.ts";
import { ENTRY_LEADER } from "../../../src/base/entry-kinds.ts";
import type { Message } from "../../../src/raft/types.ts";
import { Random } from "../../../src/raft/random.ts";
import { Checker, mix, SafetyViolation } from "./checker.ts";
import { drawFaults, type Faults } from "./faults.ts";
import { Network } from "./network.ts";
import { Replica } from "./replica.ts";
import { Schedule } from "./schedule.ts";

/** How long faults last. */
const FAULTY_MS = 20_000;

export interface SimulationOptions {
  readonly seed: number;
  /** Voters. */
  readonly members: number;
  readonly learners: number;
  /** How long a healed quorum has to elect, commit everywhere and answer a read. */
  readonly recoveryMs: number;
  /** Takes the place of what the seed draws. */
  readonly faults?: Partial<Faults>;
}

export interface SimulationResult {
  /** Of every message delivered and every status reached: equal seeds give equal hashes. */
  readonly hash: number;
  readonly events: number;
  readonly committed: number;
  /** How often each rare thing happened. */
  readonly marks: ReadonlyMap<string, number>;
}

/**
 * Runs one seed.
 *
 * @throws SafetyViolation when a promise is broken, InvariantError when a node finds one broken.
 */
export const simulate = (options: SimulationOptions): SimulationResult =>
  new Simulation(options).run();

class Simulation {
  readonly #schedule = new Schedule();
  readonly #checker = new Checker();
  readonly #marks = new Map<string, number>();
  readonly #random: Random;
  readonly #faults: Faults;
  readonly #network: Network;
  readonly #replicas: Replica[];
  readonly #voters: number;
  readonly #recoveryMs: number;
  #faulty = true;
  #hash = 0;
  #proposals = 0;

  constructor({ seed, members, learners, recoveryMs, ...options }: SimulationOptions) {
    this.#recoveryMs = recoveryMs;
    this.#random = new Random(seed);
    const random = this.#random;
    const faults = { ...drawFaults(random), ...options.faults };
    this.#faults = faults;
    this.#voters = members;
    const ids = Array.from({ length: members + learners }, (_, n) => asMemberId(BigInt(n + 1)));
    const configuration = {
      voters: ids.slice(0, members),
      outgoing: [],
      learners: ids.slice(members),
    };
    this.#network = new Network({
      schedule: this.#schedule,
      random,
      faults,
      deliver: (message) => this.#deliver(message),
      lost: (message) => this.#replica(message.from).unreachable(message.to),
    });
    this.#replicas = ids.map(
      (id) =>
        new Replica({
          id,
          configuration,
          schedule: this.#schedule,
          random,
          faults,
          checker: this.#checker,
          send: (message) => this.#send(message),
          peer: (peer) => this.#replica(peer),
          mark: (name) => this.#mark(name),
        }),
    );
  }

  run(): SimulationResult {
    for (const replica of this.#replicas) replica.start();
    this.#clients();
    this.#repeat(this.#faults.crashEveryMs, () => this.#crashOne());
    this.#repeat(this.#faults.partitionEveryMs, () => this.#partition());
    this.#repeat(this.#faults.urgeEveryMs, () => {
      this.#any().urge();
      if (this.#random.next() < 0.5) this.#any().urge();
    });
    let events = this.#runUntil(FAULTY_MS);
    events += this.#recover();
    const { committedCount } = this.#checker;
    return { hash: this.#hash, events, committed: committedCount, marks: this.#marks };
  }

  /**
   * Ends the faults, but for those of a minority where the seed draws one, and demands that a
   * proposal commits on all others and a read is answered.
   */
  #recover(): number {
    this.#faulty = false;
    const healthy = this.#breakMinority();
    const events = this.#runUntil(FAULTY_MS + this.#recoveryMs / 2);
    const leader = healthy.find((replica) => replica.status?.serving === true);
    must(leader !== undefined, "a healed quorum has a leader that serves");
    const goal = this.#checker.committedCount + 1;
    const reads = this.#marks.get("read") ?? 0;
    leader.propose([this.#payload()]);
    leader.read();
    const more = this.#runUntil(FAULTY_MS + this.#recoveryMs);
    must((this.#marks.get("read") ?? 0) > reads, "a healed quorum answers a read");
    for (const replica of healthy) {
      must(replica.applied >= goal, `${replica.id} applies what a healed quorum commits`);
      must(replica.readsWaiting === 0, `${replica.id} leaves no read waiting`);
    }
    return events + more;
  }

  /** Heals all but a minority: its members stay down, deaf or mute. Returns the healthy ones. */
  #breakMinority(): Replica[] {
    const broken = this.#random.next() < 0.5 ? 0 : Math.floor((this.#voters - 1) / 2);
    const deaf = new Set<MemberId>();
    const mute = new Set<MemberId>();
    const first = this.#random.between(0, this.#voters);
    const healthy = this.#replicas.filter((replica, position) => {
      const place = (position - first + this.#voters) % this.#voters;
      if (position >= this.#voters || place >= broken) return true;
      const kind = this.#random.between(0, 3);
      if (kind === 0) replica.crash();
      if (kind === 1) deaf.add(replica.id);
      if (kind === 2) mute.add(replica.id);
      if (kind !== 0 && !replica.isUp) replica.start();
      return false;
    });
    for (const replica of healthy) if (!replica.isUp) replica.start();
    this.#network.heal({ deaf, mute });
    return healthy;
  }

  #runUntil(end: number): number {
    let events = 0;
    while (this.#schedule.runNext(end)) events++;
    this.#schedule.now = end;
    return events;
  }

  #clients(): void {
    this.#repeat(this.#faults.clientEveryMs, () => {
      const size = this.#random.between(1, 4);
      this.#any().propose(Array.from({ length: size }, () => this.#payload()));
    });
    this.#repeat(this.#faults.clientEveryMs, () => this.#any().read());
  }

  #crashOne(): void {
    const long = this.#random.next() < 0.5;
    this.#crash(this.#any(), long ? 2_000 : this.#random.between(1, 50));
  }

  #crash(replica: Replica, downMs: number): void {
    if (!replica.isUp || !this.#faulty) return;
    replica.crash();
    this.#mark("crash");
    this.#schedule.after(downMs, () => {
      if (!replica.isUp && this.#faulty) replica.start();
    });
  }

  #partition(): void {
    if (!this.#faulty) return;
    const ids = this.#replicas.map((replica) => replica.id);
    const leader = this.#replicas.find((replica) => replica.status?.role === "leader");
    this.#network.partition(ids, leader?.id ?? null);
  }

  /** Sends, and strikes at the moments that matter: a vote just given, a term just opened. */
  #send(message: Message): void {
    this.#network.send(message);
    if (!this.#faulty) return;
    const sender = this.#replica(message.from);
    const { voterCrashRate, winnerFaultRate } = this.#faults;
    if (message.kind === "voteAnswer" && message.granted) {
      if (this.#random.next() >= voterCrashRate) return;
      this.#schedule.after(this.#random.between(0, 5), () => this.#crash(sender, 1));
    }
    if (message.kind === "append" && message.entries.some((entry) => entry.kind === ENTRY_LEADER)) {
      if (this.#random.next() >= winnerFaultRate) return;
      this.#schedule.after(this.#random.between(0, 60), () => {
        if (this.#random.next() < 0.5) this.#crash(sender, this.#random.between(1, 3_000));
        else this.#partition();
      });
    }
  }

  /** Does something about every `meanMs` until the faults end; never when `meanMs` is 0. */
  #repeat(meanMs: number, body: () => void): void {
    if (meanMs === 0) return;
    this.#schedule.after(this.#random.between(1, 2 * meanMs), () => {
      if (!this.#faulty) return;
      body();
      this.#repeat(meanMs, body);
    });
  }

  #deliver(message: Message): void {
    const replica = this.#replica(message.to);
    replica.receive(message);
    const status = replica.status;
    this.#note(this.#schedule.now, message.kind.length, Number(message.from), Number(message.to));
    if (status !== null) this.#note(status.term, status.commit, status.lastIndex);
    if (status?.role === "leader") this.#mark(`leads term ${status.term}`);
  }

  #note(...values: readonly number[]): void {
    for (const value of values) this.#hash = mix(this.#hash, value);
  }

  #payload() {
    const number = ++this.#proposals;
    return { kind: 16, data: new Uint8Array([number & 0xff, (number >>> 8) & 0xff]) };
  }

  /** Clients and faults choose among all; most often it is the leader that they find. */
  #any(): Replica {
    const leaders = this.#replicas.filter((replica) => replica.status?.role === "leader");
    const among = leaders.length > 0 && this.#random.next() < 0.6 ? leaders : this.#replicas;
    return among[this.#random.between(0, among.length)]!;
  }

  #replica(id: bigint): Replica {
    return this.#replicas[Number(id) - 1]!;
  }

  #mark(name: string): void {
    this.#marks.set(name, (this.#marks.get(name) ?? 0) + 1);
  }
}

function must(condition: boolean, violation: string): asserts condition {
  if (!condition) throw new SafetyViolation(violation);
}
