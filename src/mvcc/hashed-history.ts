// Owns hashing the history, in order and in slices: what etcd's bucket has for each change.

import { crc32c } from "../base/checksum.ts";
import type { Revision } from "../base/types.ts";
import type { History } from "./history.ts";
import { bucketBytes, tombstoneBytes } from "./kv-proto.ts";

export class HashedHistory {
  readonly #history: History;
  readonly #to: Revision;
  #from: Revision;
  #crc: number;
  #revisions = 0;

  /** The revisions from `from` to `to`, both included, behind what `crc` is the hash of. */
  constructor(
    history: History,
    { from, to, crc }: { readonly from: Revision; readonly to: Revision; readonly crc: number },
  ) {
    this.#history = history;
    this.#from = from;
    this.#to = to;
    this.#crc = crc;
  }

  get crc(): number {
    return this.#crc;
  }

  /** Revisions that were hashed. */
  get revisions(): number {
    return this.#revisions;
  }

  /** One slice; whether there is more. */
  step(bytesMax: number): boolean {
    if (this.#from > this.#to) return false;
    const { revisions, next } = this.#history.read(this.#from, bytesMax);
    this.#from = next;
    for (const { revision: main, events } of revisions) {
      if (main > this.#to) return false;
      this.#revisions++;
      for (const [sub, { kind, kv }] of events.entries()) {
        const place = { main, sub };
        const bytes = kind === "put" ? bucketBytes(place, kv) : tombstoneBytes(place, kv.key);
        this.#crc = crc32c(bytes, this.#crc);
      }
    }
    return true;
  }
}
