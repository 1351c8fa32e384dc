// Owns Edgekeeper as a system: the development server with three replicas, state on disk.

import { fileURLToPath } from "node:url";
import { freePort } from "../../support/server.ts";
import { gatewayDoor } from "../doors/gateway.ts";
import { grpcDoor } from "../doors/grpc.ts";
import { plainDoor } from "../doors/plain.ts";
import { sessionDoor } from "../doors/session.ts";
import { startChild } from "./child.ts";
import { familyOf } from "./processes.ts";
import { compact, type StartOptions, type System } from "./system.ts";

const DEV = fileURLToPath(new URL("../../../src/cli/dev.ts", import.meta.url));
const READY = /^Edgekeeper is ready/;

export interface EdgekeeperSystem extends System {
  readonly url: string;
  /** Of the bridge. */
  readonly grpcAddress: string;
}

export interface EdgekeeperOptions extends StartOptions {
  /** A profile of round-trip times between regions; absent: none. */
  readonly roundTrips?: string;
  /** Arguments of the development server beyond these. */
  readonly args?: readonly string[];
}

export async function startEdgekeeper(options: EdgekeeperOptions): Promise<EdgekeeperSystem> {
  const [port, grpcPort] = [await freePort(), await freePort()];
  const { folder, roundTrips = "none", args = [] } = options;
  const all = ["--port", `${port}`, "--grpc-port", `${grpcPort}`, "--state", folder];
  all.push("--rtt", roundTrips, ...args);
  const child = await startChild(process.execPath, [DEV, ...all], (line) => READY.test(line));
  const url = `http://127.0.0.1:${port}`;
  const grpcAddress = `127.0.0.1:${grpcPort}`;
  return {
    name: "Edgekeeper",
    url,
    grpcAddress,
    doors: [
      sessionDoor(url),
      plainDoor("plain HTTP", url),
      gatewayDoor(url),
      grpcDoor(grpcAddress),
    ],
    pids: familyOf(child.pid),
    compact: () => compact(url),
    stop: () => child.stop(),
  };
}
