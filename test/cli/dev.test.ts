// The development server's command line: what it understands, and what it says when it does not.

import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "vitest";
import { OptionError, parseDevOptions } from "../../src/cli/dev-options.ts";
import {
  COMPATIBILITY_DATE,
  COMPATIBILITY_FLAGS,
  startDevServer,
} from "../../src/cli/dev-server.ts";
import { lockState } from "../../src/cli/state-lock.ts";

const ROOT = new URL("../../", import.meta.url);

describe("options", () => {
  test("have defaults: 8787, 2379, three regions, .edgekeeper, no distances", ({ expect }) => {
    expect(parseDevOptions([])).toEqual({
      port: 8787,
      grpcPort: 2379,
      regions: ["wnam", "enam", "weur"],
      state: ".edgekeeper",
      roundTrips: {},
      inspectPort: null,
    });
  });

  test("are read as they were typed", ({ expect }) => {
    const args = "--port 9000 --grpc-port 0 --regions weur,eeur --memory --rtt world".split(" ");
    const options = parseDevOptions(args)!;
    expect(options).toMatchObject({
      port: 9000,
      grpcPort: null,
      regions: ["weur", "eeur"],
      state: null,
    });
    expect(options.roundTrips["weur-eeur"]).toBe(25);
  });

  test("ask for help", ({ expect }) => {
    expect(parseDevOptions(["--help"])).toBeNull();
  });

  const mistakes = [
    { args: "--port 70000", says: /--port 70000 is no port/u },
    { args: "--grpc-port 70000", says: /--grpc-port 70000 is no port/u },
    { args: "--port http", says: /--port http is no port/u },
    { args: "--regions wnam,mars", says: /"mars" is no region/u },
    { args: "--regions wnam,wnam", says: /names a region twice/u },
    { args: "--rtt moon", says: /no profile. Choose one of: none/u },
    { args: "--memory --state here", says: /exclude each other/u },
    { args: "--prot 1", says: /--prot[\s\S]*Usage/u },
  ];
  test.for(mistakes)("$args is refused with a sentence", ({ args, says }, { expect }) => {
    expect(() => parseDevOptions(args.split(" "))).toThrow(OptionError);
    expect(() => parseDevOptions(args.split(" "))).toThrow(says);
  });
});

describe("starting", () => {
  test("on a port in use ends with a sentence that tells what to do", async ({ expect }) => {
    const other = createServer();
    other.listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as { port: number };
    const options = parseDevOptions(["--port", String(port), "--memory"])!;
    await expect(startDevServer(options)).rejects.toThrow(
      `Port ${port} is in use by another program. Stop it, or choose another: npm start -- --port`,
    );
    other.close();
  });

  test("a second server on the same data is refused; one that was killed is no hindrance", ({
    expect,
  }) => {
    const directory = mkdtempSync(join(tmpdir(), "edgekeeper-lock-"));
    const gone = spawnSync(process.execPath, ["--version"]).pid;
    writeFileSync(join(directory, "server.pid"), `${gone}\n`);
    const unlock = lockState(directory);
    unlock();
    writeFileSync(join(directory, "server.pid"), `${process.ppid}\n`);
    expect(() => lockState(directory)).toThrow(/is in use by the server with process id/u);
    rmSync(directory, { recursive: true });
  });
});

describe("what stands in two places", () => {
  test("the compatibility date and flags are those of wrangler.toml", ({ expect }) => {
    const wrangler = readFileSync(new URL("wrangler.toml", ROOT), "utf8");
    expect(wrangler).toContain(`compatibility_date = "${COMPATIBILITY_DATE}"`);
    expect(wrangler).toContain(`compatibility_flags = ${JSON.stringify(COMPATIBILITY_FLAGS)}`);
  });

  test("every migration file is listed, in order", ({ expect }) => {
    const files = readdirSync(new URL("migrations/", ROOT)).toSorted();
    const source = readFileSync(new URL("src/object/migrations.ts", ROOT), "utf8");
    const listed = [...source.matchAll(/migrations\/(\S+\.sql)"/gu)].map((match) => match[1]);
    expect(listed).toEqual(files);
    expect(files.map((file) => Number.parseInt(file, 10))).toEqual(files.map((_, n) => n + 1));
  });
});
