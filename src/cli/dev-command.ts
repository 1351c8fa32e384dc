// Owns `npm start` and `edgekeeper dev`: the development server, as a person meets it in the terminal.

import { setTimeout as sleep } from "node:timers/promises";
import { DEV_USAGE, OptionError, parseDevOptions, type DevOptions } from "./dev-options.ts";
import { startDevServer, type DevServer } from "./dev-server.ts";
import { addressOf, openBridge } from "./grpc.ts";

/** How long the first election may take before something must be wrong. */
const READY_MS_MAX = 30_000;

interface LabStatus {
  readonly replicas: readonly { readonly region: string; readonly role: string }[];
}

/** Returns once the server serves; it goes on until Ctrl-C. False: only help was wanted. @throws OptionError */
export async function runDev(args: readonly string[], command = "npm start --"): Promise<boolean> {
  const options = parseDevOptions(args);
  if (options === null) {
    process.stdout.write(DEV_USAGE.replaceAll("npm start --", command));
    return false;
  }
  console.log("Edgekeeper is starting: bundling the Worker, then the replicas elect a leader ...");
  const server = await startDevServer(options);
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => void server.stop().then(() => process.exit(0)));
  }
  const members = await electedCluster(server);
  const grpc = await bridgeTo(server, options.grpcPort);
  console.log(introduction(options, { url: server.url, members, grpc }));
  return true;
}

/** How etcd's own clients reach the server, as a sentence. Without the port the rest goes on. */
async function bridgeTo({ url }: DevServer, port: number | null): Promise<string> {
  if (port === null) return "nowhere (--grpc-port 0)";
  try {
    const endpoint = new URL(url);
    const options = { host: endpoint.hostname, port, endpoint, token: null, tls: null };
    return addressOf(await openBridge(options, "--grpc-port"));
  } catch (error) {
    if (error instanceof OptionError) return `nowhere. ${error.message}`;
    throw error;
  }
}

/** Waits until the cluster serves; the first request creates it. */
async function electedCluster({ url }: DevServer): Promise<LabStatus["replicas"]> {
  const end = Date.now() + READY_MS_MAX;
  while (Date.now() < end) {
    const health = await fetch(`${url}/health`).catch(() => null);
    await health?.body?.cancel();
    if (health?.ok === true) {
      const { replicas } = (await (await fetch(`${url}/_lab/status`)).json()) as LabStatus;
      if (replicas.some(({ role }) => role === "leader")) return replicas;
    }
    await sleep(100);
  }
  throw new OptionError(
    `No leader was elected within ${READY_MS_MAX / 1000} s. Is the machine very busy? Try again; ` +
      "if it stays so, start with a new --state directory and report it.",
  );
}

function introduction(
  options: DevOptions,
  {
    url,
    members,
    grpc,
  }: { readonly url: string; readonly members: LabStatus["replicas"]; readonly grpc: string },
): string {
  const replicas = members.map(({ region, role }) => `    ${region.padEnd(8)} ${role}`).join("\n");
  const kept = options.state === null ? "nothing (--memory)" : `in ${options.state}`;
  return `
Edgekeeper is ready at ${url}

  Replicas, one Durable Object each, all in this process:
${replicas}
  Data is kept: ${kept}
  gRPC, for etcdctl and other clients of etcd: ${grpc}

  Try:
    curl -X PUT ${url}/v1/kv/greeting -d hello
    curl ${url}/v1/kv/greeting
    curl ${url}/v3/kv/range -d '{"key":"Z3JlZXRpbmc="}'

  Ctrl-C stops it.`;
}
