// Owns what each seed draws: which faults are on, and how hard (swarm testing). Half of the seeds
// have few, since many faults at once hide what one alone would show.

import { Random } from "../../../src/raft/random.ts";

export interface Faults {
  /** Of messages, 0 to 1. */
  readonly lossRate: number;
  readonly repeatRate: number;
  /** Of messages that arrive up to two seconds late, overtaken by others. */
  readonly lateRate: number;
  /** Mean milliseconds between changes of who can reach whom; 0: never. */
  readonly partitionEveryMs: number;
  /** Mean milliseconds between crashes; 0: never. */
  readonly crashEveryMs: number;
  /** A crash may take turns with it that are not yet confirmed. */
  readonly losesTurns: boolean;
  /** A crashed instance may go on for a while, with its timers and the answers it waits for. */
  readonly zombies: boolean;
  /** Milliseconds until a turn's writes are confirmed, at most. */
  readonly confirmMsMax: number;
  /** The share of losses of which the sender is told, as of a call that fails. */
  readonly noticedRate: number;
  /** Milliseconds between proposals, and between reads, on average. */
  readonly clientEveryMs: number;
  /** Mean milliseconds between campaigns that the router asks for, of one replica or two; 0: never. */
  readonly urgeEveryMs: number;
  /** Of granted votes, after which the voter crashes at once and is soon back. */
  readonly voterCrashRate: number;
  /** Of entries that open a term, after whose sending their leader crashes or is cut off. */
  readonly winnerFaultRate: number;
}

/** What the seed draws. */
export function drawFaults(random: Random): Faults {
  const calm = random.next() < 0.5;
  const pick = <T>(...choices: readonly T[]): T => choices[random.between(0, choices.length)]!;
  const rare = (...choices: readonly number[]): number =>
    calm && random.next() < 0.7 ? 0 : pick(...choices);
  return {
    lossRate: rare(0, 0.01, 0.1, 0.3),
    repeatRate: rare(0, 0.05, 0.3),
    lateRate: rare(0, 0.02, 0.2),
    partitionEveryMs: rare(0, 800, 2_500),
    crashEveryMs: rare(0, 500, 2_000),
    losesTurns: pick(true, false),
    zombies: pick(true, false),
    confirmMsMax: pick(0, 5, 40, 200),
    noticedRate: pick(0, 0.5, 1),
    clientEveryMs: pick(10, 40, 150),
    urgeEveryMs: rare(0, 300, 1_500),
    voterCrashRate: rare(0, 0.1, 0.5),
    winnerFaultRate: rare(0, 0.2, 0.6),
  };
}
