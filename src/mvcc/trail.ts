// Owns trails. The versions of a key that were replaced one after another, and stand in the history,
// form a chain: each names the changes before it. A trail names few of them, but those from which every
// other is a few steps away: of n changes, the last whose ordinal is a multiple of 1, of 2, of 4, ...
//
//   changes        1  2  3  4  5  6  7        trail of the version made by 7:   7, 6, 4
//                                             what 6 replaced, made by 5:       5, 4
//   to change 2:   7 -> 4 (which replaced what 3 made: 3, 2) -> 2
//
// So it has at most log2(n) + 1 entries, the newest first, and any change is found by that many steps,
// twice over at worst: a step may take the ordinal down to the multiple only, then halves what is left.

import { Reader, Writer } from "../base/codec.ts";
import { asRevision, type Bytes, type Revision } from "../base/types.ts";

/** Ordinal of the latest change, then the revision for each power of two, as distances. */
interface Trail {
  readonly count: number;
  /** Of the last change whose ordinal is a multiple of 2^i. Never rising. */
  readonly revisions: readonly number[];
}

const NONE: Trail = { count: 0, revisions: [] };

/**
 * The trail of a version made at `revision`, when the version that it replaces, whose trail is
 * `before`, goes to the history. What lies at or below `compacted` is left out: no reader gets there.
 */
export function extendTrail(before: Bytes | null, revision: Revision, compacted: Revision): Bytes {
  const { count, revisions } = before === null ? NONE : decode(before);
  const ordinal = count + 1;
  const renewed = trailingZeros(ordinal) + 1;
  const kept = revisions.slice(renewed).filter((each) => each > compacted);
  return encode({ count: ordinal, revisions: [...Array<number>(renewed).fill(revision), ...kept] });
}

/** The earliest change that the trail names after `revision`; null when it names none. */
export function firstChangeAfter(trail: Bytes, revision: Revision): Revision | null {
  const change = decode(trail).revisions.findLast((each) => each > revision);
  return change === undefined ? null : asRevision(change);
}

/** How often 2 divides it. */
const trailingZeros = (ordinal: number): number => {
  let zeros = 0;
  for (let rest = ordinal; rest % 2 === 0; rest /= 2) zeros++;
  return zeros;
};

function encode({ count, revisions }: Trail): Bytes {
  const writer = new Writer().uint(count);
  let last = 0;
  for (const [i, revision] of revisions.entries()) {
    writer.uint(i === 0 ? revision : last - revision);
    last = revision;
  }
  return writer.finish();
}

/** @throws CodecError when the bytes are no trail. */
function decode(trail: Bytes): Trail {
  const reader = new Reader(trail);
  const count = reader.uint();
  const revisions: number[] = [];
  while (!reader.done) {
    const number = reader.uint();
    revisions.push(revisions.length === 0 ? number : revisions.at(-1)! - number);
  }
  return { count, revisions };
}
