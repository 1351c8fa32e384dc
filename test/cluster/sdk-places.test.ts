// The SDK where its users run it: in a page of a browser, and in a Worker. Both load what is shipped.

import { once } from "node:events";
import { readFileSync, rmSync } from "node:fs";
import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { Miniflare } from "miniflare";
import { afterAll, beforeAll, describe, test } from "vitest";
import type * as client from "../../src/client/main.ts";
import { chromiumPath, openBrowser, type Browser } from "../support/chromium.ts";
import { buildSdk } from "../support/sdk-bundle.ts";
import { startServer, type Server } from "../support/server.ts";

let server: Server;
let folder: string;
let bundle: string;

beforeAll(async () => {
  folder = await buildSdk();
  bundle = readFileSync(join(folder, "client.js"), "utf8");
  server = await startServer();
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** What a page or a Worker does, in its own words; it says what it has seen. */
async function everything(
  url: string,
  { Edgekeeper, compare, op }: typeof client,
): Promise<string[]> {
  const store = new Edgekeeper({ url });
  const said: string[] = [];
  const watch = store.watch({ prefix: "place/" });
  await watch.created;
  await store.put("place/a", "1");
  await store.txn().if(compare.exists("place/a")).then(op.delete("place/a")).commit();
  for await (const { type, kv } of watch.events()) {
    said.push(`${type} ${kv.keyText()}`);
    if (said.length === 2) break;
  }
  const lock = await store.lock("place", { ttlSeconds: 10 });
  said.push(`locked ${lock.fencingToken > 0 && !lock.lost.aborted}`);
  said.push(`taken ${(await store.lock("place", { wait: false })) === null}`);
  await lock.unlock();
  said.push(`free ${(await store.range({ prefix: "place/" })).count === 0}`);
  store.close();
  return said;
}

const SAID = ["put place/a", "delete place/a", "locked true", "taken true", "free true"];

describe.skipIf(chromiumPath === null)("a page, where Chromium is installed", () => {
  let pages: HttpServer;
  let browser: Browser;
  beforeAll(async () => {
    // Another origin than the store's: a site has its pages where it likes.
    pages = createServer((request, response) => {
      const isModule = request.url === "/client.js";
      response.setHeader("Content-Type", isModule ? "text/javascript" : "text/html");
      response.end(isModule ? bundle : "<!doctype html><title>A page</title>");
    }).listen(0, "127.0.0.1");
    await once(pages, "listening");
    browser = await openBrowser(chromiumPath!);
  });
  afterAll(async () => {
    await browser.close();
    pages.close();
  });

  const openPage = async (): Promise<Browser["page"]> => {
    const { port } = pages.address() as AddressInfo;
    await browser.page.goto(`http://127.0.0.1:${port}/`);
    return browser.page;
  };

  test("puts, watches and locks", async ({ expect }) => {
    const page = await openPage();
    const script = `import("/client.js").then((client) => (${everything.toString()})(${JSON.stringify(server.url)}, client))`;
    expect(await page.evaluate(script)).toEqual(SAID);
  });

  test("is told what is wrong with its credentials, or with its cluster", async ({ expect }) => {
    const page = await openPage();
    const script = `import("/client.js").then(async ({ Edgekeeper }) => {
        const store = new Edgekeeper({ url: ${JSON.stringify(server.url)}, cluster: "none", token: "t" });
        return store.get("a").catch((error) => [error.code, error.message]);
      })`;
    expect(await page.evaluate(script)).toEqual([5, expect.stringContaining("no such cluster")]);
  });
});

describe("a Worker", () => {
  let worker: Miniflare;
  beforeAll(async () => {
    const main = `
      import * as client from "./client.js";
      const everything = ${everything.toString()};
      export default {
        fetch: async (request, { URL }) => Response.json(await everything(URL, client)),
      };`;
    const esm = (contents: string) => ({ type: "esm", contents }) as const;
    worker = new Miniflare({
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
              modules: { "main.js": esm(main), "client.js": esm(bundle) },
            },
            env: { URL: { type: "text", value: server.url } },
          },
        },
      ],
    });
    await worker.ready;
  });
  afterAll(async () => {
    await worker.dispose();
  });

  test("puts, watches and locks, in one request and in the next", async ({ expect }) => {
    for (let request = 0; request < 2; request++) {
      const response = await worker.dispatchFetch("http://worker/");
      expect(await response.json()).toEqual(SAID);
    }
  });
});
