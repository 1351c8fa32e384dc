// Owns starting a real etcd for a sequence, with an empty key space, and ending it again.

import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../support/server.ts";
import { HttpTarget } from "./http-target.ts";
import type { EtcdOptions } from "./sequence.ts";
import type { Target } from "./target.ts";

const READY_MS_MAX = 20_000;
const POLL_MS = 5;
/** Elections that are over at once. The lowest time to live of leases becomes 1 s with that. */
const FAST = ["--heartbeat-interval=10", "--election-timeout=100"];

/** The program that `ETCD` names, or that the path has; null when there is none that runs. */
export function findEtcd(): { readonly program: string; readonly version: string } | null {
  const program = process.env["ETCD"] ?? "etcd";
  const { status, stdout } = spawnSync(program, ["--version"], { encoding: "utf8" });
  const version = /etcd Version: (\S+)/.exec(stdout ?? "")?.[1];
  return status === 0 && version !== undefined ? { program, version } : null;
}

/** Starts etcds, one ahead of need for each kind of options. */
export class EtcdFleet {
  readonly #program: string;
  readonly #spares = new Map<string, Promise<Target>>();

  constructor(program: string) {
    this.#program = program;
  }

  /** An etcd that has just been started, for the caller to stop. */
  async next(options: EtcdOptions = {}): Promise<Target> {
    const kind = JSON.stringify(options);
    const target = await (this.#spares.get(kind) ?? startEtcd(this.#program, options));
    const spare = startEtcd(this.#program, options);
    // Whoever comes for it hears of its failure.
    spare.catch(() => undefined);
    this.#spares.set(kind, spare);
    return target;
  }

  async stop(): Promise<void> {
    for (const spare of this.#spares.values()) await (await spare).stop();
    this.#spares.clear();
  }
}

/** Starts one; it answers when this resolves. */
export async function startEtcd(program: string, options: EtcdOptions = {}): Promise<HttpTarget> {
  const folder = mkdtempSync(join(tmpdir(), "etcd-"));
  const [client, peer] = [await freePort(), await freePort()].map(
    (port) => `http://127.0.0.1:${port}`,
  );
  const args = [
    `--data-dir=${folder}`,
    "--name=default",
    "--unsafe-no-fsync",
    "--log-level=error",
    // The lowest: passwords would take most of the time.
    "--bcrypt-cost=4",
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    ...(options.isSlow === true ? [] : FAST),
    ...(options.flags ?? []),
  ];
  const child = spawn(program, args, { stdio: "ignore" });
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  const stop = async (): Promise<void> => {
    process.removeListener("exit", kill);
    await end(child);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await ready(child, client!);
  } catch (error) {
    await stop();
    throw error;
  }
  return new HttpTarget(client!, stop);
}

async function ready(child: ChildProcess, url: string): Promise<void> {
  const from = performance.now();
  while (performance.now() - from < READY_MS_MAX) {
    if (child.exitCode !== null) throw new Error(`etcd ended with code ${child.exitCode}`);
    if (await isHealthy(url)) return;
    await sleep(POLL_MS);
  }
  throw new Error(`etcd was not ready in ${READY_MS_MAX} ms`);
}

async function isHealthy(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/health`);
    await response.text();
    return response.status === 200;
  } catch {
    return false;
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}
