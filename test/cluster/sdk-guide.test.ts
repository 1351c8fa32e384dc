// What docs/sdk.md shows, run: its TypeScript as one program after another line, its Worker in workerd.

import { execFile } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { Miniflare } from "miniflare";
import { afterAll, beforeAll, describe, test } from "vitest";
import { buildSdk, ROOT } from "../support/sdk-bundle.ts";
import { startServer, type Server } from "../support/server.ts";

const guide = readFileSync(join(ROOT, "docs/sdk.md"), "utf8");
const blocksOf = (language: string): string[] =>
  [...guide.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, "gu"))].map(
    (match) => match[1]!,
  );

let server: Server;
let folder: string;

beforeAll(async () => {
  folder = await buildSdk();
  // A package as it is installed, of which the program is a user.
  const installed = join(folder, "node_modules/edgekeeper");
  mkdirSync(installed, { recursive: true });
  cpSync(join(folder, "client.js"), join(installed, "client.js"));
  const manifest = { name: "edgekeeper", type: "module", exports: { "./client": "./client.js" } };
  writeFileSync(join(installed, "package.json"), JSON.stringify(manifest));
  server = await startServer();
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe("the guide to the SDK", () => {
  test("prints what it says", async ({ expect }) => {
    const program = blocksOf("ts").join("\n").replaceAll("http://localhost:8787", server.url);
    const expected = [...program.matchAll(/console\.log\(.*\/\/ (.*)$/gmu)].flatMap((match) =>
      match[1]!.split(", then: "),
    );
    expect(expected.length).toBeGreaterThan(15);
    writeFileSync(join(folder, "guide.mts"), program);
    const { stdout } = await promisify(execFile)(process.execPath, [join(folder, "guide.mts")]);
    expect(stdout.trimEnd().split("\n")).toEqual(expected);
  });

  test("has a Worker that answers", async ({ expect }) => {
    const [main = ""] = blocksOf("js");
    const module = (contents: string) => ({ type: "esm", contents }) as const;
    const text = (value: string) => ({ type: "text", value }) as const;
    const worker = new Miniflare({
      // A request for the client's location would go out to the internet.
      cf: false,
      telemetry: { enabled: false },
      enableDevRegistry: false,
      workers: [
        {
          config: {
            name: "user",
            compatibilityDate: "2026-10-01",
            manifest: {
              mainModule: "main.js",
              modulesRoot: "/",
              modules: {
                "main.js": module(main.replace("edgekeeper/client", "./client.js")),
                "client.js": module(readFileSync(join(folder, "client.js"), "utf8")),
              },
            },
            env: { EDGEKEEPER_URL: text(server.url), EDGEKEEPER_TOKEN: text("unused") },
          },
        },
      ],
    });
    await worker.ready;
    try {
      await fetch(`${server.url}/v1/kv/flags/checkout`, { method: "PUT", body: "on" });
      expect(await (await worker.dispatchFetch("http://worker/")).text()).toBe("on");
    } finally {
      await worker.dispose();
    }
  });
});
