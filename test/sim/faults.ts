// Owns what a seed draws: which faults are on, and how hard (swarm testing). Half of the seeds have
// few, since many faults at once hide what one alone would show.

import type { Chance } from "./chance.ts";

/** Rates are shares from 0 to 1; `...EveryMs` are mean times between two, 0 for never. */
export interface Faults {
  /** Calls that are lost, before or after they ran. */
  readonly lossRate: number;
  /** Of lost calls, those whose caller hears of it before its deadline. */
  readonly noticedRate: number;
  /** Calls of which one way takes up to two seconds, overtaken by others. */
  readonly lateRate: number;
  /** Calls that the platform repeats, up to ten seconds later. */
  readonly repeatRate: number;
  /** Answers to an instance that is gone which its successor gets: no platform does it, and no
   * promise may rest on that. */
  readonly misrouteRate: number;
  /** Changes of who can reach whom. */
  readonly partitionEveryMs: number;
  readonly crashEveryMs: number;
  /** Of crashes, those that take turns with them that are not yet confirmed. */
  readonly turnLossRate: number;
  /** Of crashes, those whose instance goes on for a while: timers, and answers to its calls. */
  readonly zombieRate: number;
  /** Memory is lost, sockets and alarms stay. */
  readonly evictEveryMs: number;
  /** All replicas lose their memory at once. */
  readonly deployEveryMs: number;
  /** Writes that fail: the gate breaks. */
  readonly writeFailureRate: number;
  /** Milliseconds until a turn's writes are confirmed, at most. */
  readonly confirmMsMax: number;
  /** How much faster or slower a clock runs, at most. */
  readonly clockDrift: number;
  readonly clockStepEveryMs: number;
  readonly clockFreezeEveryMs: number;
  /** Campaigns that the router asks for without need, of one replica or two. */
  readonly urgeEveryMs: number;
  /** Of granted votes, after which the voter crashes at once and is soon back. */
  readonly voterCrashRate: number;
  /** Of entries that open a term, after whose sending their leader crashes or is cut off. */
  readonly winnerFaultRate: number;
}

/** What may be switched off by name when a failing seed is shrunk, with what goes with it. */
export const FAULT_KINDS: Readonly<Record<string, readonly (keyof Faults)[]>> = {
  loss: ["lossRate"],
  late: ["lateRate"],
  repeat: ["repeatRate"],
  misroute: ["misrouteRate"],
  partition: ["partitionEveryMs"],
  crash: ["crashEveryMs"],
  turnLoss: ["turnLossRate"],
  zombie: ["zombieRate"],
  evict: ["evictEveryMs"],
  deploy: ["deployEveryMs"],
  writeFailure: ["writeFailureRate"],
  slowWrites: ["confirmMsMax"],
  drift: ["clockDrift"],
  step: ["clockStepEveryMs"],
  freeze: ["clockFreezeEveryMs"],
  urge: ["urgeEveryMs"],
  voterCrash: ["voterCrashRate"],
  winnerFault: ["winnerFaultRate"],
};

export const NO_FAULTS: Faults = {
  lossRate: 0,
  noticedRate: 0.5,
  lateRate: 0,
  repeatRate: 0,
  misrouteRate: 0,
  partitionEveryMs: 0,
  crashEveryMs: 0,
  turnLossRate: 0,
  zombieRate: 0,
  evictEveryMs: 0,
  deployEveryMs: 0,
  writeFailureRate: 0,
  confirmMsMax: 5,
  clockDrift: 0,
  clockStepEveryMs: 0,
  clockFreezeEveryMs: 0,
  urgeEveryMs: 0,
  voterCrashRate: 0,
  winnerFaultRate: 0,
};

/** What the seed draws. */
export function drawFaults(chance: Chance): Faults {
  const isCalm = chance.next() < 0.5;
  const rare = (...choices: readonly number[]): number => {
    const isOff = chance.next() < 0.7;
    const choice = chance.pick(choices);
    return isCalm && isOff ? 0 : choice;
  };
  return {
    lossRate: rare(0, 0.01, 0.1, 0.3),
    noticedRate: chance.pick([0, 0.5, 1]),
    lateRate: rare(0, 0.02, 0.2),
    repeatRate: rare(0, 0.05, 0.3),
    partitionEveryMs: rare(0, 800, 2_500),
    crashEveryMs: rare(0, 500, 2_000),
    turnLossRate: chance.pick([0, 0.5, 1]),
    zombieRate: rare(0, 0.3, 0.8),
    evictEveryMs: rare(0, 1_000, 4_000),
    deployEveryMs: rare(0, 4_000, 8_000),
    writeFailureRate: rare(0, 0.001, 0.01),
    confirmMsMax: chance.pick([0, 5, 40, 200]),
    clockDrift: rare(0, 0.001, 0.05),
    clockStepEveryMs: rare(0, 2_000, 8_000),
    clockFreezeEveryMs: rare(0, 2_000, 8_000),
    urgeEveryMs: rare(0, 300, 1_500),
    voterCrashRate: rare(0, 0.1, 0.5),
    winnerFaultRate: rare(0, 0.2, 0.6),
    misrouteRate: rare(0, 0.5, 1),
  };
}

/** The faults without those of the kinds named in `off`. */
export function without(faults: Faults, off: ReadonlySet<string>): Faults {
  const silenced = Object.entries(FAULT_KINDS).flatMap(([kind, fields]) =>
    off.has(kind) ? fields.map((field) => [field, 0]) : [],
  );
  return { ...faults, ...(Object.fromEntries(silenced) as Partial<Faults>) };
}
