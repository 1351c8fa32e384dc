// Owns comparing random histories with a real etcd, and telling what was found so that it can be replayed.

import { renderFinding, type Finding } from "../comparison.ts";
import { describeStep } from "../conversation.ts";
import { EtcdFleet } from "../etcd-server.ts";
import { LocalServer } from "../local/local-server.ts";
import type { Sequence } from "../sequence.ts";
import { drawHistory } from "./history.ts";
import { shrink } from "./shrink.ts";
import { compareHistory } from "./side-by-side.ts";

export interface SearchOptions {
  readonly program: string;
  readonly seed: number;
  /** How many operations in all, over as many histories as that takes. */
  readonly operations: number;
  /** This history only; null: all. */
  readonly history: number | null;
}

const HISTORY_OPERATIONS = 250;

/** True when both answered alike. */
export async function searchRandom(options: SearchOptions): Promise<boolean> {
  const { program, seed, operations, history } = options;
  const fleet = new EtcdFleet(program);
  const from = performance.now();
  const first = history ?? 0;
  const count = history === null ? Math.ceil(operations / HISTORY_OPERATIONS) : 1;
  let done = 0;
  try {
    for (let number = first; number < first + count; number++) {
      const drawn = draw(seed, number);
      const findings = await compareOnce(fleet, drawn);
      if (findings.length > 0) {
        await report(fleet, drawn, { seed, number, findings });
        return false;
      }
      done += drawn.steps.length;
      if ((number - first) % 10 === 9) console.log(figures(done, from));
    }
  } finally {
    await fleet.stop();
  }
  console.log(`seed ${seed}: ${figures(done, from)}, no unexplained difference`);
  return true;
}

const draw = (seed: number, number: number): Sequence =>
  drawHistory({
    seed,
    number,
    operations: HISTORY_OPERATIONS,
  });

function figures(operations: number, from: number): string {
  const seconds = (performance.now() - from) / 1_000;
  const rate = Math.round(operations / seconds);
  return `${operations} operations in ${seconds.toFixed(1)} s, ${rate} a second`;
}

async function compareOnce(fleet: EtcdFleet, history: Sequence): Promise<readonly Finding[]> {
  const [etcd, ours] = await Promise.all([fleet.next(), LocalServer.start()]);
  try {
    return await compareHistory(history, etcd, ours);
  } finally {
    await Promise.all([etcd.stop(), ours.stop()]);
  }
}

async function report(
  fleet: EtcdFleet,
  history: Sequence,
  { seed, number, findings }: { seed: number; number: number; findings: readonly Finding[] },
): Promise<void> {
  console.log(renderFinding(findings[0]!));
  console.log(`again: npm run test:etcd -- --seed ${seed} --history ${number}`);
  const steps = await shrink(history.steps, async (shorter) => {
    const again = await compareOnce(fleet, { ...history, steps: shorter });
    return again.length > 0;
  });
  const last = await compareOnce(fleet, { ...history, steps });
  console.log(`shrunk to ${steps.length} steps:`);
  for (const step of steps) console.log(`  ${describeStep(step)}`);
  for (const finding of last.slice(0, 1)) console.log(renderFinding(finding));
}
