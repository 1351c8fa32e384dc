// Import from a running etcd, and export into one. It needs the program: `ETCD` names it, and without
// it these are passed over.

import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, test } from "vitest";
import { freePort, startServer, type Server } from "../support/server.ts";

const ETCD = process.env["ETCD"];
const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const KEYS = 1_100;
const base64 = (text: string): string => Buffer.from(text, "latin1").toString("base64");

describe.runIf(ETCD !== undefined)("a running etcd", () => {
  const data = mkdtempSync(join(tmpdir(), "edgekeeper-etcd-"));
  let etcd: ChildProcess;
  let url: string;
  let server: Server;

  beforeAll(async () => {
    const [client, peer] = [await freePort(), await freePort()];
    url = `http://127.0.0.1:${client}`;
    const peers = `http://127.0.0.1:${peer}`;
    const addresses = {
      "--data-dir": data,
      "--listen-client-urls": url,
      "--advertise-client-urls": url,
      "--listen-peer-urls": peers,
      "--initial-advertise-peer-urls": peers,
      "--initial-cluster": `default=${peers}`,
      "--log-level": "error",
    };
    etcd = spawn(ETCD!, Object.entries(addresses).flat());
    server = await startServer();
    await ask(url, "/v3/lease/grant", { ID: "55", TTL: "600" });
    for (let at = 0; at < KEYS; at += 100) {
      const success = Array.from({ length: 100 }, (_, n) => ({
        request_put: { key: base64(`k/${at + n}`), value: base64("\u00ff\u0000") },
      }));
      await ask(url, "/v3/kv/txn", { success });
    }
    await ask(url, "/v3/kv/put", { key: base64("z/leased"), value: base64("v"), lease: "55" });
  });
  afterAll(async () => {
    etcd.kill("SIGKILL");
    await server.stop();
    rmSync(data, { recursive: true, force: true });
  });

  async function ask(
    endpoint: string,
    path: string,
    body: object,
  ): Promise<Record<string, unknown>> {
    const response = await fetch(endpoint + path, { method: "POST", body: JSON.stringify(body) });
    return (await response.json()) as Record<string, unknown>;
  }
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [MAIN, ...args, "--endpoint", server.url], { encoding: "utf8" });
  const everything = (endpoint: string) =>
    ask(endpoint, "/v3/kv/range", { key: "AA==", range_end: "AA==", keys_only: false });
  const bare = ({ kvs }: Record<string, unknown>) =>
    (kvs as { key: string; value: string; lease?: string }[]).map(({ key, value, lease }) => ({
      key,
      value,
      lease,
    }));

  test("is imported whole: pages, bytes, leases", async ({ expect }) => {
    const { status, stdout, stderr } = run("import", "--from-etcd", url, "--json");
    expect([status, stdout, stderr]).toEqual([0, `{"keys":${KEYS + 1},"leases":1}\n`, ""]);
    expect(bare(await everything(server.url))).toEqual(bare(await everything(url)));
    expect(await ask(server.url, "/v3/lease/timetolive", { ID: "55" })).toMatchObject({
      grantedTTL: "600",
    });
  });

  test("is exported into: what it lacks comes, what it has stays", async ({ expect }) => {
    await ask(url, "/v3/kv/deleterange", { key: base64("k/"), range_end: base64("k0") });
    await ask(url, "/v3/lease/revoke", { ID: "55" });
    await ask(url, "/v3/kv/put", { key: base64("own"), value: base64("1") });
    const { status, stdout } = run("export", "--to-etcd", url, "--json");
    expect([status, stdout]).toEqual([0, `{"keys":${KEYS + 1}}\n`]);
    const own = { key: base64("own"), value: base64("1"), lease: undefined };
    const all = [...bare(await everything(server.url)), own];
    const sorted = all.toSorted((a, b) =>
      Buffer.from(a.key, "base64").compare(Buffer.from(b.key, "base64")),
    );
    expect(bare(await everything(url))).toEqual(sorted);
  });
});

test("an address at which no etcd is, is exit code 4", async ({ expect }) => {
  const nowhere = `http://127.0.0.1:${await freePort()}`;
  const run = spawnSync(process.execPath, [MAIN, "import", "--from-etcd", nowhere], {
    encoding: "utf8",
  });
  expect([run.status, run.stderr]).toEqual([
    4,
    expect.stringContaining(`No answer from ${nowhere}`),
  ]);
});
