// Owns running the Worker under Miniflare on this machine.

import { createServer } from "node:net";
import { resolve } from "node:path";
import { Miniflare } from "miniflare";
import { bundledWorker } from "./bundle.ts";
import { OptionError, type DevOptions } from "./dev-options.ts";
import { lockState } from "./state-lock.ts";
import { guardWorkerd } from "./workerd-guard.ts";
import { workerVariables } from "./worker-variables.ts";

/** As `compatibility_date` in wrangler.toml; a test holds the two equal. */
export const COMPATIBILITY_DATE = "2026-10-01";
export const COMPATIBILITY_FLAGS = ["enable_request_signal"] as const;

const HOST = "127.0.0.1";

export interface DevServer {
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Starts the server; it answers when this returns.
 *
 * @throws OptionError when the port or the state directory is in use.
 */
export async function startDevServer(options: DevOptions): Promise<DevServer> {
  await refusePortInUse(options.port);
  const unlock = options.state === null ? () => {} : lockState(resolve(options.state));
  const endGuard = guardWorkerd();
  const miniflare = new Miniflare(await miniflareOptions(options));
  await miniflare.ready;
  return {
    url: `http://${HOST}:${options.port}`,
    stop: async () => {
      await miniflare.dispose();
      endGuard();
      unlock();
    },
  };
}

async function miniflareOptions(
  options: DevOptions,
): Promise<ConstructorParameters<typeof Miniflare>[0]> {
  const text = (value: string): { type: "text"; value: string } => ({ type: "text", value });
  const object = (
    exportName: string,
  ): { type: "durable-object"; worker: string; exportName: string } => ({
    type: "durable-object",
    worker: "edgekeeper",
    exportName,
  });
  return {
    // Its own door: a Worker that passes requests on, at more than the cost of serving them.
    host: HOST,
    port: 0,
    logRequests: false,
    // A request for the client's location would go out to the internet.
    cf: false,
    telemetry: { enabled: false },
    enableDevRegistry: false,
    ...(options.inspectPort === null ? {} : { inspectorPort: options.inspectPort }),
    ...(options.state === null ? {} : { resourcePersistencePath: resolve(options.state) }),
    workers: [
      {
        config: {
          name: "edgekeeper",
          compatibilityDate: COMPATIBILITY_DATE,
          compatibilityFlags: [...COMPATIBILITY_FLAGS],
          manifest: {
            mainModule: "worker.mjs",
            modulesRoot: "/",
            modules: { "worker.mjs": { type: "esm", contents: await bundledWorker() } },
          },
          env: {
            ...mapValues(workerVariables(process.env), text),
            REPLICA: object("Replica"),
            GENESIS: object("Genesis"),
            CATALOG: object("Catalog"),
            EDGEKEEPER_REGIONS: text(options.regions.join(",")),
            EDGEKEEPER_DEVELOPMENT: text("1"),
            EDGEKEEPER_RTT: text(roundTripTable(options.roundTrips)),
          },
          exports: {
            Replica: { type: "durable-object", storage: "sqlite" },
            Genesis: { type: "durable-object", storage: "sqlite" },
            Catalog: { type: "durable-object", storage: "sqlite" },
          },
        },
        dev: { unsafeDirectSockets: [{ host: HOST, port: options.port }] },
      },
    ],
  };
}

const mapValues = <To>(
  from: Readonly<Record<string, string>>,
  to: (value: string) => To,
): Record<string, To> =>
  Object.fromEntries(Object.entries(from).map(([name, value]) => [name, to(value)]));

/** The table as `object/round-trips.ts` reads it. */
const roundTripTable = (roundTrips: DevOptions["roundTrips"]): string =>
  Object.entries(roundTrips)
    .map(([pair, milliseconds]) => `${pair}=${milliseconds}`)
    .join(",");

/** Miniflare would say less clearly what is wrong. */
function refusePortInUse(port: number): Promise<void> {
  return new Promise((done, fail) => {
    const probe = createServer();
    probe.once("error", (error: NodeJS.ErrnoException) => {
      const reason =
        error.code === "EADDRINUSE"
          ? `Port ${port} is in use by another program. Stop it, or choose another: npm start -- --port ${port + 1}`
          : `Port ${port} cannot be opened (${error.code ?? error.message}). Choose another with --port.`;
      fail(new OptionError(reason, { cause: error }));
    });
    probe.listen(port, HOST, () => probe.close(() => done()));
  });
}
