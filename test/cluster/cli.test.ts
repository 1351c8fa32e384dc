// The command line as people and scripts use it: the real program, a process for each command, against
// one development server. What it prints, what it ends with, and what it leaves in the store.

import { mkdtempSync, readFileSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import {
  endOf,
  firstLine,
  runCommand,
  startCommand,
  type Command,
  type Ended,
} from "../support/command.ts";
import { freePort, startServer, type Server } from "../support/server.ts";

const directory = mkdtempSync(join(tmpdir(), "edgekeeper-cli-"));
const file = (name: string): string => join(directory, name);
let server: Server;

beforeAll(async () => {
  server = await startServer();
});
afterAll(async () => {
  await server.stop();
  rmSync(directory, { recursive: true });
});

const start = (args: readonly string[]): Command => startCommand(args, server.url);
/** A command line without quotes in it; or its words. */
const run = (line: string | readonly string[], input: string | Uint8Array = ""): Promise<Ended> =>
  runCommand(typeof line === "string" ? line.split(" ") : line, { endpoint: server.url, input });

const jsonOf = ({ out }: Ended): unknown => JSON.parse(out);

describe("keys", () => {
  test("a value is written and read back as it is; what is not there is exit code 3", async ({
    expect,
  }) => {
    expect(await run("put greeting hello")).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^revision \d+\n$/),
    });
    expect(await run("get greeting")).toEqual({ code: 0, out: "hello\n", err: "" });
    expect(await run("get nothing")).toEqual({
      code: 3,
      out: "",
      err: "error: There is no key nothing.\n",
    });
  });

  test("bytes that are no text go through standard input, and are marked in JSON", async ({
    expect,
  }) => {
    await run("put binary -", Uint8Array.of(0xff, 0, 10));
    const { kvs } = jsonOf(await run("get binary --json")) as { kvs: unknown[] };
    expect(kvs).toMatchObject([{ key: "binary", value: { base64: "/wAK" }, version: 1 }]);
    expect((await run("get bin --prefix")).out).toMatch(
      /^KEY +VALUE +REVISION\nbinary +base64:\/wAK +\d+\n$/,
    );
  });

  test("a condition that does not hold writes nothing, and is exit code 3", async ({ expect }) => {
    expect(await run("put once 1 --if-absent")).toMatchObject({ code: 0 });
    expect(await run("put once 2 --if-absent")).toMatchObject({
      code: 3,
      err: expect.stringContaining("was not written"),
    });
    expect(await run("put once 2 --if-revision 1")).toMatchObject({ code: 3 });
    expect(await run("get once")).toMatchObject({ out: "1\n" });
  });

  test("deletions tell what was there", async ({ expect }) => {
    await run("put gone/1 a");
    expect(jsonOf(await run("del gone/ --prefix --previous --json"))).toMatchObject({
      deleted: 1,
      previous: [{ key: "gone/1", value: "a" }],
    });
    expect(await run("del gone/ --prefix")).toEqual({ code: 3, out: "0 deleted\n", err: "" });
  });

  test("a watch begins in the past, and ends after so many events", async ({ expect }) => {
    const { revision } = jsonOf(await run("put seen/1 a --json")) as { revision: number };
    await run("del seen/1");
    const watched = await run(
      `watch seen/ --prefix --from ${revision} --previous --max-events 2 --json`,
    );
    expect(
      watched.out
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as object),
    ).toMatchObject([
      { type: "put", key: "seen/1", value: "a", mod_revision: revision },
      { type: "delete", key: "seen/1", previous: { value: "a" } },
    ]);
  });

  test("Ctrl-C ends a watch, and that is no failure", async ({ expect }) => {
    await run("put running 1");
    const child = start(["watch", "running", "--from", "1"]);
    const ended = endOf(child);
    await firstLine(child);
    child.kill("SIGINT");
    expect(await ended).toMatchObject({ code: 0, err: "" });
  });

  test("a txn is written as etcdctl's, and exit code 3 says that it took the other way", async ({
    expect,
  }) => {
    const text = 'create("taken") = "0"\n\nput taken "by me\\n"\n\nget taken\n\n';
    expect(await run("txn", text)).toMatchObject({
      code: 0,
      out: expect.stringContaining("the comparisons hold"),
    });
    const second = await run("txn --json", text);
    expect(second.code).toBe(3);
    expect(jsonOf(second)).toMatchObject({
      succeeded: false,
      responses: [{ kind: "get", kvs: [{ value: "by me\n" }] }],
    });
    expect(await run("txn", "nonsense\n")).toMatchObject({
      code: 2,
      err: expect.stringContaining("Line 1 of the txn"),
    });
  });
});

describe("leases, locks, elections", () => {
  test("a lease is granted, has keys, and ends", async ({ expect }) => {
    expect(await run("lease grant 60 --id 77")).toMatchObject({
      code: 0,
      out: "lease 77 granted for 60 s\n",
    });
    await run("put leased 1 --lease 77");
    expect(jsonOf(await run("lease ttl 77 --keys --json"))).toMatchObject({
      id: "77",
      granted_ttl: 60,
      keys: ["leased"],
    });
    expect(await run("lease keep-alive 77 --once")).toMatchObject({
      code: 0,
      out: "lease 77 has 60 s\n",
    });
    expect((await run("lease list")).out).toContain("77");
    expect(await run("lease revoke 77")).toMatchObject({ code: 0 });
    for (const command of [
      "lease revoke 77",
      "lease ttl 77",
      "lease keep-alive 77",
      "get leased",
    ]) {
      expect(await run(command), command).toMatchObject({ code: 3 });
    }
  });

  test("a lock's command has a greater token each time, and its exit code is passed on", async ({
    expect,
  }) => {
    const script = "echo $EDGEKEEPER_LOCK_NAME $EDGEKEEPER_FENCING_TOKEN; exit 9";
    const words = ["lock", "deploy", "--", "sh", "-c", script];
    const first = await run(words);
    const second = await run(words);
    expect([first.code, second.code]).toEqual([9, 9]);
    const tokenOf = ({ out }: Ended): number => Number(/^deploy (\d+)\n$/.exec(out)?.[1]);
    expect(tokenOf(second)).toBeGreaterThan(tokenOf(first));
    expect(await run("lock deploy -- /no/such/program")).toMatchObject({
      code: 1,
      err: expect.stringContaining("ENOENT"),
    });
  });

  test("one that is held is waited for, and Ctrl-C lets it go", async ({ expect }) => {
    const holder = start(["lock", "held", "--json"]);
    const ended = endOf(holder);
    const { key } = JSON.parse(await firstLine(holder)) as { key: string };
    expect(key).toMatch(/^held\/[0-9a-f]+$/);
    expect(await run("lock held --wait 0 -- true")).toMatchObject({
      code: 4,
      err: expect.stringContaining("held by somebody else"),
    });
    holder.kill("SIGINT");
    expect(await ended).toMatchObject({ code: 0 });
    expect(await run("lock held --wait 5 -- true")).toMatchObject({ code: 0 });
  });

  test("a lock whose lease is revoked is lost: the command is ended, the exit code is 6", async ({
    expect,
  }) => {
    const holder = start([
      "lock",
      "losing",
      "--ttl",
      "2",
      "--",
      "sh",
      "-c",
      "echo $EDGEKEEPER_LOCK_KEY; exec sleep 60",
    ]);
    const ended = endOf(holder);
    const key = await firstLine(holder);
    await run(["lease", "revoke", `0x${key.split("/")[1]}`]);
    expect(await ended).toMatchObject({ code: 6, err: expect.stringContaining("was lost") });
  });

  test("who leads is told, until it resigns", async ({ expect }) => {
    const leader = start(["elect", "workers", "one"]);
    const ended = endOf(leader);
    expect(await firstLine(leader)).toMatch(
      /^leads as one, key workers\/[0-9a-f]+, fencing token \d+$/,
    );
    expect(jsonOf(await run("elect workers --leader --json"))).toMatchObject({ value: "one" });
    leader.kill("SIGINT");
    expect(await ended).toMatchObject({ code: 0 });
    expect(await run("elect workers --leader")).toMatchObject({
      code: 3,
      err: "error: Nobody leads workers.\n",
    });
  });
});

describe("files", () => {
  test("what is exported is imported: bytes, leases, into another cluster", async ({ expect }) => {
    await fetch(`${server.url}/v1/clusters/other`, { method: "PUT" });
    await run("lease grant 600 --id 91");
    await run("put moved/leased x --lease 91");
    await run("put moved/binary -", Uint8Array.of(0xff, 0xfe));
    expect(await run(["export", file("all.jsonl"), "--prefix", "moved/"])).toMatchObject({
      code: 0,
    });
    expect(readFileSync(file("all.jsonl"), "utf8").trim().split("\n").slice(1)).toEqual([
      '{"key":"moved/binary","value":{"base64":"//4="}}',
      '{"lease":"91","ttl":600}',
      '{"key":"moved/leased","value":"x","lease":"91"}',
      '{"end":true,"keys":2}',
    ]);
    const imported = await run(["import", file("all.jsonl"), "--cluster", "other", "--json"]);
    expect(imported).toMatchObject({ code: 0, out: '{"keys":2,"leases":1}\n' });
    const { kvs } = jsonOf(await run("get moved/ --prefix --json --cluster other")) as {
      kvs: unknown[];
    };
    expect(kvs).toMatchObject([{ value: { base64: "//4=" } }, { value: "x", lease: "91" }]);
  });

  test("more than a page and a batch are carried over standard output and input", async ({
    expect,
  }) => {
    const lines = Array.from({ length: 1_203 }, (_, at) =>
      JSON.stringify({ key: `many/${at}`, value: `${at}` }),
    );
    const begin = JSON.stringify({ edgekeeper_export: 1, revision: "1", keys: lines.length });
    const end = JSON.stringify({ end: true, keys: lines.length });
    const text = [begin, ...lines, end].join("\n");
    expect(await run("import --json", text)).toMatchObject({
      code: 0,
      out: '{"keys":1203,"leases":0}\n',
    });
    const { out } = await run("export --prefix many/");
    expect(out.trim().split("\n").slice(1, -1).toSorted()).toEqual(lines.toSorted());
  });

  test("an export that was cut off is refused", async ({ expect }) => {
    const text = '{"edgekeeper_export":1,"revision":"1","keys":2}\n{"key":"cut","value":"1"}\n';
    expect(await run("import", text)).toMatchObject({
      code: 1,
      err: expect.stringContaining("cut off"),
    });
  });

  test("a snapshot is restored as a new cluster; a torn one is refused before it is sent", async ({
    expect,
  }) => {
    await run("put kept 1");
    expect(await run(["snapshot", "save", file("s.snapshot")])).toMatchObject({ code: 0 });
    const restore = [
      "snapshot",
      "restore",
      file("s.snapshot"),
      "--regions",
      "wnam",
      "--json",
      "--cluster",
    ];
    expect(jsonOf(await run([...restore, "again"]))).toMatchObject({
      name: "again",
      members: [{ region: "wnam" }],
    });
    expect(await run("get kept --cluster again")).toMatchObject({ out: "1\n" });
    expect(await run([...restore, "again"])).toMatchObject({
      code: 1,
      err: expect.stringContaining("there is a cluster of this name"),
    });
    truncateSync(file("s.snapshot"), 1_000);
    expect(await run([...restore, "torn"])).toMatchObject({
      code: 1,
      err: expect.stringContaining("no whole snapshot"),
    });
  });
});

describe("looking", () => {
  test("status, members and a small load", async ({ expect }) => {
    expect((await run("status")).out).toMatch(
      /^REGION +ROLE[^\n]+\nwnam +leader[^]+default \(\d+\) serves\n$/,
    );
    expect(jsonOf(await run("status --json"))).toMatchObject({
      leader: "wnam",
      healthy: true,
      unreachable: [],
    });
    expect((await run("member list")).out).toMatch(
      /^REGION +ROLE +ID\nwnam +leader +\d+\nenam +voter +\d+\nweur +voter +\d+\n$/,
    );
    expect(await run("member remove mars")).toMatchObject({
      code: 3,
      err: expect.stringContaining("There is no member mars"),
    });
    const load = jsonOf(await run("bench --requests 20 --json")) as { figures: unknown[] };
    expect(load.figures).toMatchObject([
      { name: "put", requests: 20 },
      { name: "get", requests: 20 },
    ]);
    expect(await run("get edgekeeper-bench/ --prefix --count-only")).toMatchObject({ out: "0\n" });
  });

  test("who cannot be reached, or is not there, has an exit code and advice", async ({
    expect,
  }) => {
    const nowhere = `http://127.0.0.1:${await freePort()}`;
    for (const command of ["get a", "status", "doctor", "export"]) {
      const { code, out, err } = await run(`${command} --endpoint ${nowhere}`);
      expect(code, command).toBe(4);
      expect(out + err, command).toContain("edgekeeper dev");
    }
    expect(await run("get a --cluster none-such")).toMatchObject({
      code: 3,
      err: expect.stringContaining("no such cluster"),
    });
    expect(await run("gte a")).toMatchObject({
      code: 2,
      err: expect.stringContaining("Did you mean get?"),
    });
  });

  test("where users are in force, who shows no password is denied", async ({ expect }) => {
    // With limits it is answered once the replicas agree on what a newborn cluster can do.
    await fetch(`${server.url}/v1/clusters/guarded`, { method: "PUT", body: '{"limits":{}}' });
    const orders = [
      ["user/add", { name: "root", password: "of root" }],
      ["user/grant", { user: "root", role: "root" }],
      ["enable", {}],
    ] as const;
    for (const [path, body] of orders) {
      const url = `${server.url}/c/guarded/v3/auth/${path}`;
      expect((await fetch(url, { method: "POST", body: JSON.stringify(body) })).status).toBe(200);
    }
    for (const words of [
      ["get", "a"],
      ["status"],
      ["export"],
      ["get", "a", "--user", "root:wrong"],
    ]) {
      expect((await run([...words, "--cluster", "guarded"])).code, words.join(" ")).toBe(5);
    }
    const asRoot = ["--cluster", "guarded", "--user", "root:of root"];
    expect(await run(["put", "a", "1", ...asRoot])).toMatchObject({ code: 0 });
  });

  test("the doctor finds nothing in a healthy cluster, and a replica that is cut off in another", async ({
    expect,
  }) => {
    const healthy = await run("doctor");
    expect(healthy.out).toMatch(/^(?:ok {3}[^\n]+\n)+\n\d+ ok, 0 to look at, 0 failed\n$/);
    expect(healthy).toMatchObject({
      code: 0,
      out: expect.stringMatching(/round trips wnam-enam [\d.]+ ms/),
    });
    const lab = (region: string, order: string) =>
      fetch(`${server.url}/_lab/replicas/${region}/${order}`, {
        method: "POST",
        headers: { "X-Edgekeeper-Lab": "1" },
      });
    await lab("weur", "isolate");
    expect(jsonOf(await run("doctor --json"))).toMatchObject({
      findings: expect.arrayContaining([
        expect.objectContaining({ level: "warn", message: "the leader does not reach weur" }),
      ]),
    });
    await lab("enam", "isolate");
    const broken = await run("doctor");
    expect(broken).toMatchObject({
      code: 1,
      out: expect.stringMatching(/^fail +leader +the cluster does not serve: RAFT NO LEADER$/m),
    });
    expect(await run("status")).toMatchObject({ code: 4 });
    await lab("enam", "heal");
    await lab("weur", "heal");
  });
});
