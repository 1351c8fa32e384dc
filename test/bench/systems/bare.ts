// Owns the bare Durable Object as a system, and the floors beside it.

import { fileURLToPath } from "node:url";
import { freePort } from "../../support/server.ts";
import { plainDoor } from "../doors/plain.ts";
import { startChild } from "./child.ts";
import { familyOf } from "./processes.ts";
import type { StartOptions, System } from "./system.ts";

const HOST = fileURLToPath(new URL("../bare/host.ts", import.meta.url));
const READY = /^The bare object is ready/;

export interface BareSystem extends System {
  readonly url: string;
}

export async function startBare({ folder }: StartOptions): Promise<BareSystem> {
  const port = await freePort();
  const args = [HOST, `${port}`, folder];
  const child = await startChild(process.execPath, args, (line) => READY.test(line));
  const url = `http://127.0.0.1:${port}`;
  return {
    name: "bare object",
    url,
    doors: [plainDoor("plain HTTP", url, ["put", "overwrite", "get", "list"])],
    pids: familyOf(child.pid),
    stop: () => child.stop(),
  };
}
