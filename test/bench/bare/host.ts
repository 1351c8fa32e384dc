// Owns running the bare object under Miniflare, as a process of its own: port and state directory are
// its arguments, and it says when it is ready. It is set up as the development server is.

import { fileURLToPath } from "node:url";
import { Miniflare } from "miniflare";
import { bundleWorker } from "../../../src/cli/bundle.ts";
import { COMPATIBILITY_DATE } from "../../../src/cli/dev-server.ts";
import { guardWorkerd } from "../../../src/cli/workerd-guard.ts";

const WORKER = fileURLToPath(new URL("worker.ts", import.meta.url));
const HOST = "127.0.0.1";
const READY_LINE = "The bare object is ready";

async function host(port: number, state: string): Promise<void> {
  guardWorkerd();
  const contents = await bundleWorker(WORKER);
  const miniflare = new Miniflare({
    host: HOST,
    port: 0,
    logRequests: false,
    cf: false,
    telemetry: { enabled: false },
    enableDevRegistry: false,
    resourcePersistencePath: state,
    workers: [
      {
        config: {
          name: "bare",
          compatibilityDate: COMPATIBILITY_DATE,
          manifest: {
            mainModule: "worker.mjs",
            modulesRoot: "/",
            modules: { "worker.mjs": { type: "esm", contents } },
          },
          env: { BARE: { type: "durable-object", worker: "bare", exportName: "Bare" } },
          exports: { Bare: { type: "durable-object", storage: "sqlite" } },
        },
        dev: { unsafeDirectSockets: [{ host: HOST, port }] },
      },
    ],
  });
  await miniflare.ready;
  process.once("SIGTERM", () => void miniflare.dispose().then(() => process.exit(0)));
  console.log(READY_LINE);
}

const [port, state] = process.argv.slice(2);
await host(Number(port), state!);
