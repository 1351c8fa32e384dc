// Owns what a system under measurement is: started with an empty store, asked by its doors, stopped.

import type { Door } from "../doors/door.ts";

export interface System {
  readonly name: string;
  readonly doors: readonly Door[];
  /** Its processes, all of them: what they take of the machine is the system's. */
  readonly pids: readonly number[];
  /** Frees what history holds, between measurements. */
  compact?(): Promise<void>;
  stop(): Promise<void>;
}

export interface StartOptions {
  /** A folder that is there for this system alone; all lie on the same disk. */
  readonly folder: string;
}

/** Compacts up to now, by etcd's API, which two of them have. Nothing to compact is no failure. */
export async function compact(url: string): Promise<void> {
  const ask = (path: string, body: object): Promise<Response> =>
    fetch(`${url}${path}`, { method: "POST", body: JSON.stringify(body) });
  const { header } = (await (await ask("/v3/kv/range", { key: "AA==" })).json()) as {
    readonly header: { readonly revision: string };
  };
  const compaction = { revision: header.revision, physical: true };
  const answer = await ask("/v3/kv/compaction", compaction);
  const text = await answer.text();
  if (!answer.ok && !text.includes("has been compacted")) throw new Error(`compaction: ${text}`);
}
