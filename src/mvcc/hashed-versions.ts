// Owns hashes of versions that come in the order of keys and are joined in that of revisions. Columns
// of numbers, since a million versions may wait here: some 40 bytes each.

import { joinCrc32c } from "../base/checksum.ts";
import type { SubRevision } from "./kv-proto.ts";

/** A version's bytes, hashed. */
export interface HashedVersion extends SubRevision {
  readonly crc: number;
  readonly length: number;
  /** Whether it lives at the revision that is hashed. */
  readonly isLive: boolean;
}

export class HashedVersions {
  readonly #mains: number[] = [];
  readonly #subs: number[] = [];
  readonly #crcs: number[] = [];
  readonly #lengths: number[] = [];
  /** Positions of those that live. */
  readonly #live: number[] = [];

  get size(): number {
    return this.#mains.length;
  }

  get hasLive(): boolean {
    return this.#live.length > 0;
  }

  add({ main, sub, crc, length, isLive }: HashedVersion): void {
    if (isLive) this.#live.push(this.size);
    this.#mains.push(main);
    this.#subs.push(sub);
    this.#crcs.push(crc);
    this.#lengths.push(length);
  }

  /** The hash of what `before` is the hash of and, behind it, of those that live, or of all. */
  join(before: number, which: "live" | "all"): number {
    const positions =
      which === "live"
        ? Uint32Array.from(this.#live)
        : Uint32Array.from({ length: this.size }, (_, position) => position);
    positions.sort((a, b) => this.#order(a, b));
    let hash = before;
    let last: number | null = null;
    for (const position of positions) {
      // A version that was superseded during the walk came twice.
      if (last !== null && this.#order(last, position) === 0) continue;
      hash = joinCrc32c(hash, this.#crcs[position]!, this.#lengths[position]!);
      last = position;
    }
    return hash;
  }

  #order(a: number, b: number): number {
    return this.#mains[a]! - this.#mains[b]! || this.#subs[a]! - this.#subs[b]!;
  }
}
