// Owns what is drawn for a run before it begins: how large the cluster is, who its clients are, and
// for how long anything goes.

import type { Timing } from "../../src/raft/timing.ts";
import type { Streams } from "./chance.ts";
import { drawFaults, without, type Faults } from "./faults.ts";

export interface RunOptions {
  readonly seed: number;
  /** Kinds of faults and operations that are switched off. */
  readonly off?: ReadonlySet<string>;
  /** Takes the place of what the seed draws. */
  readonly faults?: Partial<Faults>;
  readonly members?: number;
  /** How long anything goes, in virtual milliseconds. */
  readonly faultyMs?: number;
  readonly isAdverse?: boolean;
  readonly timing?: Partial<Timing>;
  /** Steady load, instead of what the seed draws. */
  readonly load?: Partial<Load>;
  readonly line?: (text: string) => void;
}

export interface Load {
  /** The share of requests that go to any replica, whatever the hint. */
  readonly strayRate: number;
  /** Milliseconds that a client thinks, on average. */
  readonly everyMs: number;
  readonly kvClients: number;
  readonly leaseClients: number;
  readonly watchers: number;
  /** Puts only, spread over the clients; 0: they do as they like. */
  readonly writesPerSecond: number;
  /** Mean milliseconds between changes of permissions, alarms and limits; null: nobody does that. */
  readonly administerEveryMs: number | null;
  /** Whether clients name their writes. */
  readonly isKeyed: boolean;
}

export interface Plan extends Load {
  /** Mean milliseconds between changes of the membership; null: it stays as it is. */
  readonly operateEveryMs: number | null;
  /** It begins with the oldest code, and goes to the newest and back while it serves. */
  readonly isUpgraded: boolean;
  readonly members: number;
  readonly faults: Faults;
  readonly faultyMs: number;
  readonly timing: Partial<Timing>;
  readonly offsetsMs: readonly number[];
  readonly drifts: readonly number[];
}

const FAULTY_MS = 12_000;

export function drawPlan(options: RunOptions, streams: Streams): Plan {
  const off = options.off ?? new Set();
  const chance = streams.stream("plan");
  const drawn = { ...drawFaults(streams.stream("faults")), ...options.faults };
  const faults = without(drawn, off);
  const members = chance.pick([3, 3, 3, 3, 3, 5, 5, 1]);
  const kvClients = chance.between(1, 5);
  const leaseClients = chance.between(0, 3);
  const watchers = chance.between(0, 4);
  const everyMs = chance.pick([10, 40, 150, 400, 4_000]);
  const strayRate = chance.pick([0, 0.1, 0.4]);
  const quiesceMs = chance.pick([750, 750, 100, null]);
  const size = options.members ?? members;
  const operates = chance.next() < 0.4;
  const operateEveryMs = chance.pick([400, 1_500]);
  // Members do not change meanwhile: the older code does not understand it.
  const isUpgraded = streams.stream("upgrade").next() < 0.25 && !operates && !off.has("upgrade");
  const administration = streams.stream("administration");
  // Its state would keep the cluster from going back to older code.
  const administers = administration.next() < 0.35 && !isUpgraded && !off.has("administration");
  const administerEveryMs = administration.pick([60, 200, 1_000]);
  // What is remembered of them keeps the cluster from going back, too.
  const isKeyed = streams.stream("keyed").next() < 0.4 && !isUpgraded && !off.has("keyed");
  const clocks = streams.stream("clocks");
  const offsets = Array.from({ length: 9 }, () => clocks.between(-300_000, 300_000));
  const drifts = Array.from({ length: 9 }, () => clocks.next() * 2 - 1);
  return {
    members: size,
    faults,
    // Rare work lets the cluster fall asleep, and what sleeps costs little to simulate.
    faultyMs: options.faultyMs ?? (everyMs > 1_000 ? 8 * FAULTY_MS : FAULTY_MS),
    kvClients,
    leaseClients: off.has("lease") ? 0 : leaseClients,
    watchers: off.has("watch") ? 0 : watchers,
    writesPerSecond: 0,
    everyMs,
    strayRate,
    operateEveryMs: operates && !off.has("members") ? operateEveryMs : null,
    isUpgraded,
    administerEveryMs: administers ? administerEveryMs : null,
    isKeyed,
    timing: { quiesceMs },
    offsetsMs: offsets,
    drifts: drifts.map((drift) => drift * faults.clockDrift),
    ...options.load,
    ...(options.timing === undefined ? {} : { timing: options.timing }),
  };
}
