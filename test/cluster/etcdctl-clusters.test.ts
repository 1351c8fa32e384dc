// Goal: what etcdctl does with several members, or several clusters, works: leadership is moved, members are
// added and promoted, keys are mirrored. Where there is an etcd too, in the path or named by ETCD, it
// is mirrored from and to. It needs etcdctl, in the path or named by ETCDCTL.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { text as textOf } from "node:stream/consumers";
import { afterAll, beforeAll, describe, test } from "vitest";
import { startBridge, type Bridge } from "../../src/bridge/bridge.ts";
import { findEtcd, startEtcd } from "../etcd/etcd-server.ts";
import { findEtcdctl } from "../etcdctl/terminal.ts";
import { freePort, startServer, type Server } from "../support/server.ts";

const etcdctl = findEtcdctl();
const etcd = findEtcd();
const environment = { PATH: process.env["PATH"], ETCDCTL_API: "3" };

describe.skipIf(etcdctl === null)("etcdctl, in the path or named by ETCDCTL,", () => {
  let server: Server;
  let other: Bridge;
  /** By name, a host and a port each. */
  const hosts = new Map<string, string>();
  const stops: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    const grpcPort = await freePort();
    server = await startServer({ grpcPort });
    hosts.set("edgekeeper", `127.0.0.1:${grpcPort}`);
    await fetch(`${server.url}/v1/clusters/other`, { method: "PUT" });
    const endpoint = new URL(`${server.url}/c/other`);
    other = await startBridge({ host: "127.0.0.1", port: 0, endpoint, token: null, tls: null });
    hosts.set("another cluster", `127.0.0.1:${other.port}`);
    stops.push(
      () => other.stop(),
      () => server.stop(),
    );
    if (etcd === null) return;
    const target = await startEtcd(etcd.program);
    hosts.set("etcd", new URL(target.url).host);
    stops.push(() => target.stop());
  });
  afterAll(async () => {
    for (const stop of stops) await stop();
  });

  /** What it prints; not synchronously, for one of the bridges is in this process. */
  async function type(host: string, ...args: string[]): Promise<string> {
    const child = spawn(etcdctl!.program, [`--endpoints=${host}`, ...args], {
      env: environment,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: 20_000,
    });
    const [printed, said] = await Promise.all([textOf(child.stdout), textOf(child.stderr)]);
    return printed + said.replaceAll(/^\{.*\n/gm, "");
  }

  /** Runs one that goes on for ever while `work` is done. */
  async function meanwhile<T>(args: readonly string[], work: () => Promise<T>): Promise<T> {
    const child = spawn(etcdctl!.program, args, { env: environment, stdio: "ignore" });
    const exited = once(child, "exit");
    try {
      return await work();
    } finally {
      child.kill("SIGKILL");
      await exited;
    }
  }

  /** What a watch from the beginning on prints, until it has printed so many lines. */
  async function watched(host: string, prefix: string, count: number): Promise<string[]> {
    const args = [`--endpoints=${host}`, "watch", prefix, "--prefix", "--rev=1"];
    const child = spawn(etcdctl!.program, args, {
      env: environment,
      stdio: ["ignore", "pipe", "ignore"],
    });
    let printed = "";
    for await (const text of child.stdout.setEncoding("utf8")) {
      printed += text as string;
      if (printed.split("\n").length > count) break;
    }
    child.kill("SIGKILL");
    return printed.split("\n").slice(0, count);
  }

  const toAndFro: (readonly [from: string, to: string])[] = [["edgekeeper", "another cluster"]];
  if (etcd !== null) toAndFro.push(["etcd", "edgekeeper"], ["edgekeeper", "etcd"]);

  test.for(toAndFro)("mirrors %s to %s", async ([from, to], { expect }) => {
    const [source, target] = [hosts.get(from)!, hosts.get(to)!];
    const prefix = `from ${from} to ${to}/`;
    for (const n of [1, 2]) await type(source, "put", `${prefix}${n}`, `early ${n}`);
    const args = [`--endpoints=${source}`, "make-mirror", target, `--prefix=${prefix}`];
    const seen = await meanwhile(args, async () => {
      await watched(target, prefix, 6);
      await type(source, "put", `${prefix}3`, "late");
      await type(source, "del", `${prefix}1`);
      return watched(target, prefix, 11);
    });
    const copied = ["PUT", `${prefix}1`, "early 1", "PUT", `${prefix}2`, "early 2"];
    const followed = ["PUT", `${prefix}3`, "late", "DELETE", `${prefix}1`];
    expect(seen).toEqual([...copied, ...followed]);
  });

  /** In hexadecimal digits, as etcdctl takes them. */
  async function memberIds(host: string): Promise<string[]> {
    const printed = await type(host, "member", "list");
    return [...printed.matchAll(/^([0-9a-f]+), started/gm)].map(([, id]) => id!);
  }
  const leaderOf = async (host: string): Promise<string> => {
    // Any replica tells its status; a linearizable read finds the leader.
    await type(host, "get", "nothing");
    const [, id] = /, ([0-9a-f]+), [\d.]+, [^,]*, true,/.exec(
      await type(host, "endpoint", "status"),
    )!;
    return id!;
  };

  test("moves the leadership to another member", async ({ expect }) => {
    const host = hosts.get("another cluster")!;
    const before = await leaderOf(host);
    const next = (await memberIds(host)).find((id) => id !== before)!;
    expect(await type(host, "move-leader", next)).toBe(
      `Leadership transferred from ${before} to ${next}\n`,
    );
    expect(await leaderOf(host)).toBe(next);
  });

  test("adds a learner, promotes it and removes it", async ({ expect }) => {
    const host = hosts.get("another cluster")!;
    const url = "--peer-urls=http://apac:2380";
    const added = await type(host, "member", "add", "apac", "--learner", url);
    const [, id] = /^Member +([0-9a-f]+) added to cluster/.exec(added) ?? [];
    expect(id, added).toBeDefined();
    // It has to copy the store first.
    let promoted = "";
    do promoted = await type(host, "member", "promote", id!);
    while (/can only promote a learner member which is in sync/.test(promoted));
    expect(promoted).toMatch(new RegExp(`^Member +${id} promoted in cluster`));
    expect(await memberIds(host)).toContain(id);
    expect(await type(host, "member", "remove", id!)).toMatch(
      /^Member +[0-9a-f]+ removed from cluster/,
    );
    expect(await memberIds(host)).not.toContain(id);
  });
});
