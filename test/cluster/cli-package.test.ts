// What the package ships of the command line: it is built, needs neither sources nor a bundler, and
// serves.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, rmSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, test } from "vitest";
import { freePort } from "../support/server.ts";

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
// Within the checkout: its packages are found from there.
const FOLDER = ".cache/built-cli/cli";
const main = at(`${FOLDER}/main.js`);

beforeAll(() => {
  spawnSync(process.execPath, [at("scripts/build-cli.mjs"), FOLDER], { stdio: "inherit" });
});
afterAll(() => rmSync(at(".cache/built-cli"), { recursive: true, force: true }));

const run = (...args: string[]) =>
  spawnSync(process.execPath, [main, ...args], { encoding: "utf8" });

test("the built program starts with little: what a command needs is loaded when it runs", ({
  expect,
}) => {
  expect(run("--version").stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  expect(run("get", "--help").stdout).toContain("edgekeeper get flags/ --prefix");
  const imports = [
    ...readFileSync(main, "utf8").matchAll(/^import .*?"([^"]+)"|^import "([^"]+)"/gm),
  ];
  const heavy = imports.filter(([, from = ""]) => /miniflare|grpc|esbuild|^ws$/.test(from));
  expect(heavy).toEqual([]);
});

test("the built program serves, and is asked by itself", async ({ expect }) => {
  const port = await freePort();
  const server = spawn(
    process.execPath,
    [main, "dev", "--memory", "--port", `${port}`, "--grpc-port", `${await freePort()}`],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const lines = createInterface(server.stdout);
  for await (const line of lines) if (line.includes("gRPC, for etcdctl")) break;
  const endpoint = ["--endpoint", `http://127.0.0.1:${port}`];
  expect(run("put", "a", "1", ...endpoint)).toMatchObject({ status: 0 });
  expect(run("get", "a", ...endpoint)).toMatchObject({ status: 0, stdout: "1\n" });
  server.kill("SIGTERM");
  await once(server, "exit");
});
