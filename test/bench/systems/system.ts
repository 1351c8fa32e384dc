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

/** Not failures: nothing is left to compact, or what is takes longer to be freed, and goes on. */
const UNDER_WAY = /has been compacted|context deadline exceeded/;

/** Compacts up to now, by etcd's API, which two of them have. */
export async function compact(url: string): Promise<void> {
  const ask = (path: string, body: object): Promise<Response> =>
    fetch(`${url}${path}`, { method: "POST", body: JSON.stringify(body) });
  const { header } = (await (await ask("/v3/kv/range", { key: "AA==" })).json()) as {
    readonly header: { readonly revision: string };
  };
  const compaction = { revision: header.revision, physical: true };
  const answer = await ask("/v3/kv/compaction", compaction);
  const text = await answer.text();
  if (!answer.ok && !UNDER_WAY.test(text)) throw new Error(`compaction: ${text}`);
}
