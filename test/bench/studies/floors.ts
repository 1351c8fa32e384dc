// Owns the floors: what this machine and runtime take for nothing, for a call of an object, for one
// commit. What a store must do on its way cannot be quicker.

import { closeSync, fdatasyncSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { openHttp } from "../doors/http.ts";
import { runLoad } from "../load.ts";
import { ascending, quantile } from "../statistics.ts";
import { startBare } from "../systems/bare.ts";
import { VALUE_BYTES } from "../workloads.ts";
import { folderFor, withSystem, type StudyContext } from "./study.ts";

export interface Floor {
  readonly what: string;
  readonly clients: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface Floors {
  readonly floors: readonly Floor[];
  /** One write of a page and fdatasync, by this process, on the same disk. */
  readonly syncMs: { readonly p50: number; readonly p99: number };
}

const CASES = [
  { what: "an empty Worker", method: "GET", path: "/empty" },
  { what: "an empty call of a Durable Object", method: "GET", path: "/call" },
  { what: "one commit of a Durable Object", method: "PUT", path: "/v1/kv/floor" },
] as const;

const SYNCS = 300;
const PAGE_BYTES = 4_096;

export async function studyFloors(context: StudyContext): Promise<Floors> {
  const folder = folderFor(context, "floors");
  const floors = await withSystem(startBare({ folder }), async ({ url, pids }) => {
    const found: Floor[] = [];
    for (const { what, method, path } of CASES) {
      for (const clients of context.isQuick ? [1, 64] : [1, 64, 256]) {
        const http = openHttp(url, clients);
        const body = "v".repeat(VALUE_BYTES);
        const step = (): Promise<unknown> =>
          http.ask(method === "PUT" ? { method, path, body } : { method, path });
        const measureMs = context.isQuick ? 500 : 3_000;
        const sample = await runLoad({
          clients,
          warmUpMs: context.isQuick ? 200 : 1_000,
          measureMs,
          step,
          pids,
        });
        const { perSecond, p50Ms, p99Ms } = sample;
        found.push({ what, clients, perSecond, p50Ms, p99Ms });
        await http.close();
      }
    }
    return found;
  });
  return { floors, syncMs: syncTimes(join(folder, "page")) };
}

function syncTimes(path: string): Floors["syncMs"] {
  const file = openSync(path, "w");
  const page = Buffer.alloc(PAGE_BYTES);
  const took = ascending(
    Array.from({ length: SYNCS }, () => {
      const from = performance.now();
      writeSync(file, page);
      fdatasyncSync(file);
      return performance.now() - from;
    }),
  );
  closeSync(file);
  return { p50: quantile(took, 0.5), p99: quantile(took, 0.99) };
}

/** The p50 of one floor with one client, in milliseconds. */
export const floorMs = ({ floors }: Floors, what: (typeof CASES)[number]["what"]): number =>
  floors.find((floor) => floor.what === what && floor.clients === 1)?.p50Ms ?? Number.NaN;
