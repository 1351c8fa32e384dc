// Owns starting, stopping and killing a whole development server for a test, as a process of its own.

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const READY_LINE = "Edgekeeper is ready";
const READY_MS_MAX = 60_000;
const STOP_MS_MAX = 15_000;

export interface Server {
  readonly url: string;
  readonly port: number;
  /** Ends the server as Ctrl-C does, and waits until it is gone. */
  stop(): Promise<void>;
  /** `kill -9` of the whole process group, workerd included, and waits until it is gone. */
  kill(): Promise<void>;
}

export interface ServerOptions {
  /** Where the replicas' databases live; absent: nothing is kept. */
  readonly state?: string;
  /** Absent: a port that is free. */
  readonly port?: number;
  /** Where etcd's own clients are answered; absent: nowhere. */
  readonly grpcPort?: number;
  readonly regions?: readonly string[];
  /** A profile of round-trip times between regions; absent: none. */
  readonly roundTrips?: string;
  /** Of its environment, besides the test's own. */
  readonly variables?: Readonly<Record<string, string>>;
}

/** Starts `src/cli/dev.ts` and returns once it says that it is ready. */
export async function startServer(options: ServerOptions = {}): Promise<Server> {
  const port = options.port ?? (await freePort());
  const args = ["--port", `${port}`, "--grpc-port", `${options.grpcPort ?? 0}`];
  args.push(...(options.state === undefined ? ["--memory"] : ["--state", options.state]));
  if (options.regions !== undefined) args.push("--regions", options.regions.join(","));
  if (options.roundTrips !== undefined) args.push("--rtt", options.roundTrips);

  // A group of its own, so that one signal reaches workerd too, and nothing else.
  const child = spawn(process.execPath, ["src/cli/dev.ts", ...args], {
    cwd: ROOT,
    env: { ...process.env, ...options.variables },
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const killGroup = (): void => signalGroup(child, "SIGKILL");
  process.once("exit", killGroup);
  child.once("exit", () => process.removeListener("exit", killGroup));

  await ready(child);
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    stop: () => end(child, "SIGTERM"),
    kill: () => end(child, "SIGKILL"),
  };
}

/** A port of the loopback interface that nobody listens on at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** Resolves at the line that says so; rejects with what the server said if it ends before. */
function ready(child: ChildProcess): Promise<void> {
  const said: string[] = [];
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => {
      signalGroup(child, "SIGKILL");
      reject(new Error(`The development server ${why}. It said:\n${said.join("\n")}`));
    };
    const patience = setTimeout(() => fail(`was not ready in ${READY_MS_MAX} ms`), READY_MS_MAX);
    const listen = (line: string): void => {
      said.push(line);
      if (!line.startsWith(READY_LINE)) return;
      clearTimeout(patience);
      resolve();
    };
    // Both streams are read to the end: a full pipe would stop the server.
    createInterface(child.stdout!).on("line", listen);
    createInterface(child.stderr!).on("line", listen);
    child.once("exit", (code) => {
      clearTimeout(patience);
      fail(`ended with code ${code}`);
    });
  });
}

async function end(child: ChildProcess, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
  const isRunning = child.exitCode === null && child.signalCode === null;
  const exited = isRunning ? once(child, "exit") : Promise.resolve([]);
  if (signal === "SIGKILL") signalGroup(child, signal);
  else child.kill(signal);
  const giveUp = new AbortController();
  const late = sleep(STOP_MS_MAX, "late", { signal: giveUp.signal }).catch(() => "in time");
  const outcome = await Promise.race([exited, late]);
  giveUp.abort();
  if (outcome === "late") signalGroup(child, "SIGKILL");
  while (isGroupAlive(child)) await sleep(10);
  if (outcome === "late") throw new Error(`the server did not end within ${STOP_MS_MAX} ms`);
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals | 0): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, signal);
  } catch (error) {
    // No such group: it has ended.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function isGroupAlive(child: ChildProcess): boolean {
  try {
    process.kill(-child.pid!, 0);
    return true;
  } catch {
    return false;
  }
}
