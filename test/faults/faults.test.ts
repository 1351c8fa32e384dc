// Owns the proof of the main promise: a cluster under load survives the loss of its leader, again and
// again, and of the whole process, without losing, repeating or reordering anything. Method: clients,
// watchers and a nemesis against a real development server; then the record of all changes is held
// against what each was told. `npm run test:faults` does the long version; here is a short one.
//
// The figures are of one machine: all replicas share one thread and one disk.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, test } from "vitest";
import { Random } from "../../src/raft/random.ts";
import type { Operation } from "../support/history.ts";
import { checkLinearizable } from "../support/linearizable.ts";
import { clusterStatus, lab, leaderRegion } from "../support/nemesis.ts";
import { type Server, startServer } from "../support/server.ts";
import { type SeenEvent, startWatcher, type Watcher } from "../support/watcher.ts";
import { startWorkload, type Workload } from "../support/workload.ts";
import { audit } from "./audit.ts";

const isFull = process.env["EDGEKEEPER_FAULTS"] === "full";
const FAULTS_OF_EACH_KIND = isFull ? 10 : 3;
const KILLS = isFull ? 5 : 1;
const seed = Number(process.env["EDGEKEEPER_SEED"] ?? Date.now() % 1_000_000);
const SCENARIO_MS_MAX = 600_000;

const PREFIX = "faults/";
const WATCHERS = 4;
const CATCH_UP_MS_MAX = 20_000;

/** What one scenario leaves to be judged. */
interface Evidence {
  readonly history: readonly Operation[];
  /** All changes up to the last acknowledged one, as one undisturbed watch tells them. */
  readonly record: readonly SeenEvent[];
  /** The same, as each watcher that was cut off and came back has seen them. */
  readonly watched: readonly (readonly SeenEvent[])[];
}

/** Starts load and watchers, lets `harm` do its worst, and collects the evidence. */
async function observe(
  url: string,
  harm: (workload: Workload) => Promise<void>,
): Promise<Evidence> {
  const workload = startWorkload({
    url,
    prefix: PREFIX,
    seed,
    clients: 16,
    keys: 12,
    intervalMs: 100,
  });
  const watchers = Array.from({ length: WATCHERS }, (_, i) =>
    startWatcher({ url, prefix: PREFIX, seed: seed + i, connectionMsMax: 3_000 }),
  );
  try {
    await sleep(1_000);
    await harm(workload);
    await sleep(1_000);
  } finally {
    await workload.stop();
  }
  const final = await finalRevision(workload);
  const record = startWatcher({ url, prefix: PREFIX, seed, connectionMsMax: CATCH_UP_MS_MAX });
  const all = [record, ...watchers];
  await Promise.all(all.map((watcher) => watcher.reach(final, CATCH_UP_MS_MAX)));
  await Promise.all(all.map((watcher) => watcher.stop()));
  const until = ({ events }: Watcher) => events.filter(({ revision }) => revision <= final);
  return { history: workload.history, record: until(record), watched: watchers.map(until) };
}

/** The revision of one last write, which comes after all that was acknowledged. */
async function finalRevision(workload: Workload): Promise<number> {
  const { outcome } = await workload.probe();
  if (outcome.kind !== "ok") throw new Error("the cluster does not serve after the faults");
  return outcome.revision;
}

/**
 * How long clients were without service: from the moment the fault was asked for until the first
 * write was acknowledged that had been asked for after the fault was there. Writes are sent
 * steadily and independently, so that one that hangs does not hide that the next is served.
 */
async function timeToService(workload: Workload, faultAskedAt: number): Promise<number> {
  const acknowledged: Operation[] = [];
  for (let probes = 0; acknowledged.length === 0 && probes < 200; probes++) {
    void workload.probe().then((probe) => {
      if (probe.outcome.kind === "ok") acknowledged.push(probe);
    });
    await sleep(probes < 80 ? 25 : 100);
  }
  return (acknowledged[0]?.return ?? Infinity) - faultAskedAt;
}

/** The judgements that hold for every scenario. */
function judge(evidence: () => Evidence): void {
  test("every acknowledged write is there, in revision order, exactly once; others at most once", ({
    expect,
  }) => {
    const { history, record } = evidence();
    expect(history.filter(({ outcome }) => outcome.kind === "ok").length).toBeGreaterThan(100);
    expect(audit(history, record)).toEqual([]);
  });

  test("the history of all operations is linearizable", ({ expect }) => {
    const verdict = checkLinearizable(evidence().history);
    expect(verdict.ok ? "linearizable" : verdict.report).toBe("linearizable");
  });

  test("watchers that come back after their last revision miss nothing and see nothing twice", ({
    expect,
  }) => {
    const { record, watched } = evidence();
    for (const events of watched) expect(events).toEqual(record);
  });
}

function percentile(values: readonly number[], share: number): number {
  const ascending = values.toSorted((a, b) => a - b);
  return ascending[Math.ceil(share * ascending.length) - 1]!;
}

describe(`a leader that is aborted or isolated, seed ${seed}`, () => {
  const outages = { abort: [] as number[], isolate: [] as number[] };
  let server: Server;
  let evidence: Evidence;
  let revisions: readonly number[];

  const strike = async (workload: Workload, fault: "abort" | "isolate", pauseMs: number) => {
    const region = await leaderRegion(server.url);
    const askedAt = performance.now();
    await lab(server.url, region, fault);
    outages[fault].push(await timeToService(workload, askedAt));
    await sleep(pauseMs);
    if (fault === "isolate") await lab(server.url, region, "heal");
  };

  beforeAll(async () => {
    const random = new Random(seed);
    const kinds = ["abort", "isolate"] as const;
    const faults = kinds.flatMap((kind) => Array.from({ length: FAULTS_OF_EACH_KIND }, () => kind));
    server = await startServer();
    evidence = await observe(server.url, async (workload) => {
      while (faults.length > 0) {
        const [fault] = faults.splice(random.between(0, faults.length), 1);
        await sleep(random.between(300, 1_500));
        await strike(workload, fault!, random.between(300, 1_500));
      }
    });
    revisions = await settledRevisions(server.url);
    for (const kind of kinds) {
      const [p50, p99] = [0.5, 0.99].map((share) => percentile(outages[kind], share).toFixed(0));
      const each = outages[kind].map((ms) => ms.toFixed(0)).join(", ");
      console.log(`service back after ${kind}: p50 ${p50} ms, p99 ${p99} ms (${each})`);
    }
  }, SCENARIO_MS_MAX);

  afterAll(() => server?.stop());

  judge(() => evidence);

  test("service is back within 1 s after each abort", ({ expect }) => {
    expect(outages.abort).toHaveLength(FAULTS_OF_EACH_KIND);
    expect(percentile(outages.abort, 1)).toBeLessThan(1_000);
  });

  test("service is back within 5 s (p99) after an isolation", ({ expect }) => {
    expect(outages.isolate).toHaveLength(FAULTS_OF_EACH_KIND);
    expect(percentile(outages.isolate, 0.99)).toBeLessThan(5_000);
  });

  test("all replicas come to the same revision", ({ expect }) => {
    expect(revisions).toHaveLength(3);
    expect(new Set(revisions).size).toBe(1);
  });
});

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

describe(`kill -9 of the whole process, seed ${seed}`, () => {
  let state: string;
  let server: Server;
  let evidence: Evidence;

  beforeAll(async () => {
    const random = new Random(seed);
    state = await mkdtemp(join(tmpdir(), "edgekeeper-faults-"));
    server = await startServer({ state });
    evidence = await observe(server.url, async () => {
      for (let kill = 0; kill < KILLS; kill++) {
        await sleep(random.between(500, 2_500));
        await server.kill();
        server = await startServer({ state, port: server.port });
      }
    });
  }, SCENARIO_MS_MAX);

  afterAll(async () => {
    await server?.stop();
    await rm(state, { recursive: true, force: true });
  });

  judge(() => evidence);

  test("writes were under way when it was killed", ({ expect }) => {
    const lost = evidence.history.filter(({ outcome }) => outcome.kind === "unknown");
    expect(lost.length).toBeGreaterThan(0);
  });
});
