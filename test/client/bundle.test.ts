// The SDK as it is shipped: how much a page has to load, what it needs, and that its declarations are
// complete.

import { execFile } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, test } from "vitest";
import { buildSdk, ROOT } from "../support/sdk-bundle.ts";

const BYTES_MAX = 15_000;

const USE = `
import { compare, Edgekeeper, EdgekeeperError, jsonCodec, op, type Lock } from "./client.js";
const store = new Edgekeeper({ url: "https://kv.example", token: undefined });
const revision: number = (await store.put("a", new Uint8Array(1))).revision;
const held: Lock = await store.lock("a");
const perhaps: Lock | null = await store.lock("a", { wait: false });
const flags = store.namespace("flags/").typed(jsonCodec<{ on: boolean }>());
const on: boolean | undefined = (await flags.get("a"))?.value.on;
const { succeeded } = await store.txn().if(compare.exists("a"), held.held).then(op.delete("a")).commit();
for await (const { type, kv } of store.watch({ prefix: "a" }).events()) use(type, kv.text());
declare function use(...values: unknown[]): void;
use(revision, perhaps, on, succeeded, EdgekeeperError);
// @ts-expect-error: keys are text or bytes.
await store.get(5);
`;

describe("the client that the package exports", () => {
  let folder: string;
  let text: string;
  beforeAll(async () => {
    folder = await buildSdk({ types: true });
    text = readFileSync(join(folder, "client.js"), "utf8");
  }, 120_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test(`is less than ${BYTES_MAX} bytes, compressed`, ({ expect }) => {
    expect(gzipSync(text, { level: 9 }).length).toBeLessThan(BYTES_MAX);
  });

  test("imports nothing, and asks for nothing that only Node has", ({ expect }) => {
    expect(text).not.toMatch(/\bimport\b|\brequire\b|\bprocess\b|\bBuffer\b|node:/);
  });

  test("has declarations that a strict compiler takes", async ({ expect }) => {
    writeFileSync(join(folder, "use.mts"), USE.replace("./client.js", "./types/client/main.js"));
    const options =
      "--noEmit --ignoreConfig --strict --target es2022 --module nodenext --lib es2022,dom".split(
        " ",
      );
    const tsc = promisify(execFile)(
      join(ROOT, "node_modules/.bin/tsc"),
      [...options, "", "use.mts"],
      {
        cwd: folder,
      },
    ).then(
      ({ stdout }) => stdout,
      (error: { stdout: string }) => error.stdout,
    );
    expect(await tsc).toBe("");
  }, 60_000);
});
