// Owns the proof of the main promise on the real thing: a cluster under load loses, repeats and
// reorders nothing, whatever is done to its leader, its members, its objects and its process. Method:
// clients and watchers against a real development server, and one act of `acts.ts` after another;
// then the record of all changes is held against what each was told.
//
// Here is the short story, each act once or twice; `npm run test:faults` goes on at random for ten
// minutes. The figures are of one machine: all replicas share one thread and one disk.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, test } from "vitest";
import { Random } from "../../src/raft/random.ts";
import type { Operation } from "../support/history.ts";
import { checkLinearizable } from "../support/linearizable.ts";
import { clusterStatus } from "../support/nemesis.ts";
import { type Server, startServer } from "../support/server.ts";
import { type SeenEvent, startWatcher, type Watcher } from "../support/watcher.ts";
import { startWorkload, type Workload } from "../support/workload.ts";
import { ACTS, type ActName, type Night, type Stage } from "./acts.ts";
import { audit } from "./audit.ts";
import { Figures, percentile } from "./figures.ts";

const minutes = Number(process.env["EDGEKEEPER_FAULTS_MINUTES"] ?? 0);
const seed = Number(process.env["EDGEKEEPER_SEED"] ?? Date.now() % 1_000_000);
const SCENARIO_MS_MAX = minutes * 60_000 + 300_000;

const PREFIX = "faults/";
const WATCHERS = 4;
const CATCH_UP_MS_MAX = 60_000;

const STORY = [
  "abort",
  "isolate",
  "resize",
  "transfer",
  "moveFollower",
  "kill",
  "moveLeader",
  "deploy",
  "night",
  "transfer",
  "resize",
  "isolate",
] as const satisfies ActName[];

/** What is left to be judged. */
interface Evidence {
  readonly history: readonly Operation[];
  /** All changes up to the last acknowledged one, as one undisturbed watch tells them. */
  readonly record: readonly SeenEvent[];
  /** The same, as each watcher that was cut off and came back has seen them. */
  readonly watched: readonly (readonly SeenEvent[])[];
  readonly revisions: readonly number[];
  readonly figures: Figures;
  readonly nights: readonly Night[];
}

/** The acts in their order: the story, and then at random until the time is over. */
function* acts(random: Random): Generator<ActName> {
  const end = performance.now() + minutes * 60_000;
  yield* STORY;
  const names = Object.keys(ACTS) as ActName[];
  while (performance.now() < end) yield names[random.between(0, names.length)]!;
}

async function play(stage: Stage): Promise<void> {
  const begun = performance.now();
  const seconds = (): string => ((performance.now() - begun) / 1_000).toFixed(1);
  await sleep(1_000);
  for (const name of acts(stage.random)) {
    const from = seconds();
    await ACTS[name](stage);
    if (minutes > 0) console.log(`${from} to ${seconds()} s: ${name}`);
    await sleep(stage.random.between(200, 700));
  }
}

/** Starts load and watchers, plays all acts, and collects the evidence. */
async function observe(url: string, killAndRestart: () => Promise<void>): Promise<Evidence> {
  const workload = startWorkload({ url, prefix: PREFIX, seed, ...LOAD });
  const watchers = Array.from({ length: WATCHERS }, (_, i) =>
    startWatcher({ url, prefix: PREFIX, seed: seed + i, connectionMsMax: 3_000 }),
  );
  const figures = new Figures();
  const nights: Night[] = [];
  const random = new Random(seed);
  try {
    await play({ url, random, workload, watchers, figures, nights, killAndRestart });
  } finally {
    await workload.stop();
  }
  const final = await finalRevision(workload);
  const record = startWatcher({ url, prefix: PREFIX, seed, connectionMsMax: CATCH_UP_MS_MAX });
  const all = [record, ...watchers];
  await Promise.all(all.map((watcher) => watcher.reach(final, CATCH_UP_MS_MAX)));
  await Promise.all(all.map((watcher) => watcher.stop()));
  const until = ({ events }: Watcher) => events.filter(({ revision }) => revision <= final);
  return {
    history: workload.history,
    record: until(record),
    watched: watchers.map(until),
    revisions: await settledRevisions(url),
    figures,
    nights,
  };
}

const LOAD = { clients: 16, keys: 12, intervalMs: 100 };

/** The revision of one last write, which comes after all that was acknowledged. */
async function finalRevision(workload: Workload): Promise<number> {
  const { outcome } = await workload.probe();
  if (outcome.kind !== "ok") throw new Error("the cluster does not serve after the faults");
  return outcome.revision;
}

/** The replicas' revisions, once they agree or some seconds have passed. */
async function settledRevisions(url: string): Promise<readonly number[]> {
  let revisions: readonly number[] = [];
  for (let attempt = 0; attempt < 50; attempt++) {
    revisions = (await clusterStatus(url)).map(({ revision }) => revision);
    if (new Set(revisions).size === 1) break;
    await sleep(100);
  }
  return revisions;
}

describe(`a cluster to which everything is done, seed ${seed}`, () => {
  let state: string;
  let server: Server;
  let evidence: Evidence;

  beforeAll(async () => {
    state = await mkdtemp(join(tmpdir(), "edgekeeper-faults-"));
    server = await startServer({ state });
    evidence = await observe(server.url, async () => {
      await server.kill();
      server = await startServer({ state, port: server.port });
    });
    const unknown = evidence.history.filter(({ outcome }) => outcome.kind === "unknown");
    const count = `${evidence.history.length} operations, ${unknown.length} without an outcome`;
    console.log(`${count}, ${evidence.record.length} changes\n${evidence.figures.print()}`);
  }, SCENARIO_MS_MAX);

  afterAll(async () => {
    await server?.stop();
    await rm(state, { recursive: true, force: true });
  });

  test("every acknowledged write is there, in revision order, exactly once; others at most once", ({
    expect,
  }) => {
    const { history, record } = evidence;
    expect(history.filter(({ outcome }) => outcome.kind === "ok").length).toBeGreaterThan(100);
    expect(audit(history, record)).toEqual([]);
  });

  test("the history of all operations is linearizable", ({ expect }) => {
    const verdict = checkLinearizable(evidence.history);
    expect(verdict.ok ? "linearizable" : verdict.report).toBe("linearizable");
  });

  test("watchers that come back after their last revision miss nothing and see nothing twice", ({
    expect,
  }) => {
    const { record, watched } = evidence;
    for (const events of watched) expect(events).toEqual(record);
  });

  test("all replicas come to the same revision", ({ expect }) => {
    const { revisions } = evidence;
    expect(revisions.length).toBeGreaterThanOrEqual(3);
    expect(new Set(revisions).size).toBe(1);
  });

  test("writes were under way when the process was killed", ({ expect }) => {
    const lost = evidence.history.filter(({ outcome }) => outcome.kind === "unknown");
    expect(lost.length).toBeGreaterThan(0);
  });

  test("service is back within 1 s after each abort", ({ expect }) => {
    expect(percentile(evidence.figures.of("service back after abort"), 1)).toBeLessThan(1_000);
  });

  test("service is back within 5 s (p99) after an isolation", ({ expect }) => {
    expect(percentile(evidence.figures.of("service back after isolate"), 0.99)).toBeLessThan(5_000);
  });

  test("leadership is handed over when it is planned: writers do not wait for an election", ({
    expect,
  }) => {
    const { figures } = evidence;
    const election = percentile(figures.of("service back after isolate"), 0.5);
    for (const name of ["transfer", "move of the leader"]) {
      const gaps = figures.of(`longest gap between writes, ${name}`);
      expect(percentile(gaps, 0.5)).toBeLessThan(0.75 * election);
    }
  });

  test("nobody is forgotten when the leader changes: all are answered in time", ({ expect }) => {
    for (const name of ["transfer", "move of the leader"]) {
      expect(percentile(evidence.figures.of(`slowest answer, ${name}`), 1)).toBeLessThan(5_000);
    }
  });

  test("a second after the last work, nothing is written and nothing sent", ({ expect }) => {
    for (const { evening, midnight } of evidence.nights) {
      expect(evening.every(({ asleep }) => asleep)).toBe(true);
      expect(midnight).toEqual(evening);
    }
  });

  test("ten seconds later the objects are out of memory, and their sockets are open", ({
    expect,
  }) => {
    for (const { midnight, morning, connections } of evidence.nights) {
      const slept = midnight.map(({ incarnation }) => incarnation + 1);
      expect(morning.map(({ incarnation }) => incarnation)).toEqual(slept);
      expect(connections[1]).toBe(connections[0]);
    }
  });

  test("the first put after hibernation takes no election", ({ expect }) => {
    expect(evidence.nights.length).toBeGreaterThan(0);
    for (const { terms } of evidence.nights) expect(new Set(terms).size).toBe(1);
    expect(percentile(evidence.figures.of("first put after hibernation"), 1)).toBeLessThan(1_000);
  });
});
