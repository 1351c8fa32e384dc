// Owns the options of the development server: what they are called, what they may be.

import { parseArgs } from "node:util";
import { LOCATION_HINTS } from "../api/regions.ts";
import { roundTripProfiles } from "./round-trip-profiles.ts";

export interface DevOptions {
  readonly port: number;
  /** Where etcd's own clients are answered; null: nowhere. */
  readonly grpcPort: number | null;
  readonly regions: readonly string[];
  /** Where the replicas' databases live; null keeps nothing when the server ends. */
  readonly state: string | null;
  /** Round-trip milliseconds by pair of regions, "enam-weur"; empty for none. */
  readonly roundTrips: Readonly<Record<string, number>>;
  /** Where DevTools can look into the Worker; null: nowhere. */
  readonly inspectPort: number | null;
}

export const DEV_USAGE = `Usage: npm start -- [options]

Runs a whole Edgekeeper on this machine: one replica for each region, and the router.

  --port N          where to listen on 127.0.0.1 (default 8787)
  --grpc-port N     where etcd's own clients (etcdctl and others) are answered (default 2379; 0: nowhere)
  --regions A,B,C   regions of the first replicas (default wnam,enam,weur)
  --state DIR       where the data lives; survives restarts (default .edgekeeper)
  --memory          keep nothing: the data is gone when the server ends
  --rtt PROFILE     add round-trip times between replicas: ${Object.keys(roundTripProfiles).join(", ")} (default none)
  --inspect-port N  let DevTools look into the Worker: profiles, memory, breakpoints (default nowhere)
  --help            this text

The variables EDGEKEEPER_AUTH_TOKEN and EDGEKEEPER_WATCH_PROGRESS_NOTIFY_INTERVAL mean what they mean in
wrangler.toml; secrets that the former names are variables too.

Example: npm start -- --port 9000 --memory --rtt world
`;

/** An option that cannot be; the message says what to do. */
export class OptionError extends Error {
  override readonly name = "OptionError";
}

/**
 * Reads the command line; null when help was asked for.
 *
 * @throws OptionError with a sentence for the person who typed it.
 */
export function parseDevOptions(args: readonly string[]): DevOptions | null {
  const values = parse(args);
  if (values.help) return null;
  const profile = Object.hasOwn(roundTripProfiles, values.rtt)
    ? roundTripProfiles[values.rtt]
    : undefined;
  if (profile === undefined) {
    throw new OptionError(
      `--rtt ${values.rtt} is no profile. Choose one of: ${Object.keys(roundTripProfiles).join(", ")}.`,
    );
  }
  if (values.memory && values.state !== undefined) {
    throw new OptionError("--memory and --state exclude each other: leave one of them out.");
  }
  return {
    port: parsePort(values.port),
    grpcPort: values["grpc-port"] === "0" ? null : parsePort(values["grpc-port"], "--grpc-port"),
    regions: parseRegions(values.regions),
    state: values.memory ? null : (values.state ?? ".edgekeeper"),
    roundTrips: profile,
    inspectPort:
      values["inspect-port"] === undefined
        ? null
        : parsePort(values["inspect-port"], "--inspect-port"),
  };
}

interface RawOptions {
  readonly port: string;
  readonly "grpc-port": string;
  readonly regions: string;
  readonly state?: string;
  readonly memory: boolean;
  readonly rtt: string;
  readonly "inspect-port"?: string;
  readonly help: boolean;
}

function parse(args: readonly string[]): RawOptions {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        port: { type: "string", default: "8787" },
        "grpc-port": { type: "string", default: "2379" },
        regions: { type: "string", default: "wnam,enam,weur" },
        state: { type: "string" },
        memory: { type: "boolean", default: false },
        rtt: { type: "string", default: "none" },
        "inspect-port": { type: "string" },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    return values;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new OptionError(`${reason}\n\n${DEV_USAGE}`, { cause: error });
  }
}

function parsePort(text: string, option = "--port"): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
  throw new OptionError(`${option} ${text} is no port: give a number from 1 to 65535.`);
}

function parseRegions(text: string): string[] {
  const regions = text.split(",").map((region) => region.trim());
  const unknown = regions.find((region) => !LOCATION_HINTS.includes(region));
  if (unknown !== undefined) {
    throw new OptionError(
      `--regions: "${unknown}" is no region. Choose from: ${LOCATION_HINTS.join(", ")}.`,
    );
  }
  if (new Set(regions).size < regions.length) {
    throw new OptionError("--regions names a region twice: each holds one replica.");
  }
  return regions;
}
