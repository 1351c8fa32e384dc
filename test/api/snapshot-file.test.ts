// The bytes of a snapshot file: read back as they were written, in chunks of any size; what is not one
// is told in a sentence. Whole files over HTTP: test/workerd/snapshot-file.test.ts.

import * as fc from "fast-check";
import { describe, test } from "vitest";
import {
  encodeEnd,
  encodeFrame,
  encodeHead,
  SnapshotFileReader,
  type SnapshotHead,
} from "../../src/api/snapshot-file.ts";
import { concatBytes } from "../../src/base/bytes.ts";
import { asClusterId, asLogIndex, asRevision, asTerm, type Bytes } from "../../src/base/types.ts";
import { CODE_VERSION } from "../../src/base/versions.ts";

const HEAD: SnapshotHead = {
  clusterId: asClusterId(0xfedc_ba98_7654_3210n),
  clusterVersion: CODE_VERSION,
  index: asLogIndex(70_000),
  term: asTerm(3),
  revision: asRevision(2 ** 40),
};

function fileOf(parts: readonly Bytes[], head = HEAD): Bytes {
  const content = concatBytes([encodeHead(head), ...parts.map(encodeFrame)]);
  return concatBytes([content, encodeEnd(content.length), new Uint8Array(32).fill(9)]);
}

interface Read {
  readonly heads: SnapshotHead[];
  readonly parts: Bytes[];
  readonly content: Bytes;
  readonly digest: Bytes | null;
}

function read(file: Bytes, chunkBytes: number): Read {
  const reader = new SnapshotFileReader();
  const heads: SnapshotHead[] = [];
  const parts: Bytes[] = [];
  const content: Bytes[] = [];
  let digest: Bytes | null = null;
  for (let at = 0; at < file.length; at += chunkBytes) {
    for (const piece of reader.push(file.slice(at, at + chunkBytes))) {
      if (piece.kind === "digest") digest = piece.bytes;
      else content.push(piece.bytes);
      if (piece.kind === "content" && piece.head !== undefined) heads.push(piece.head);
      if (piece.kind === "content" && piece.part !== undefined) parts.push(piece.part);
    }
  }
  reader.end();
  return { heads, parts, content: concatBytes(content), digest };
}

const somePart = fc.uint8Array({ minLength: 1, maxLength: 900 }) as fc.Arbitrary<Bytes>;

describe("a snapshot file", () => {
  test("is read as it was written, however it is cut into chunks", ({ expect }) => {
    const property = fc.property(
      fc.array(somePart, { maxLength: 5 }),
      fc.integer({ min: 1, max: 2_000 }),
      (parts, chunkBytes) => {
        const file = fileOf(parts);
        expect(file.length % 512).toBe(32);
        const { heads, digest, content, ...rest } = read(file, chunkBytes);
        expect(heads).toEqual([HEAD]);
        expect(rest.parts).toEqual(parts);
        expect(digest).toEqual(new Uint8Array(32).fill(9));
        expect(content).toEqual(file.slice(0, -32));
      },
    );
    fc.assert(property);
  });

  test("is refused wherever it is cut off", ({ expect }) => {
    const file = fileOf([new Uint8Array(300).fill(1), new Uint8Array(200).fill(2)]);
    for (let length = 0; length < file.length; length++) {
      expect(() => read(file.slice(0, length), 100)).toThrow("cut off");
    }
  });

  const damaged = (change: (file: Bytes) => void): Bytes => {
    const file = fileOf([new Uint8Array(300).fill(1)]);
    change(file);
    return file;
  };
  const later = { ...HEAD, clusterVersion: CODE_VERSION + 1 };
  const NOT_ONE: readonly (readonly [string, Bytes, RegExp])[] = [
    ["another file", damaged((file) => void (file[3]! ^= 1)), /no snapshot of Edgekeeper/],
    ["a head that was changed", damaged((file) => void (file[30]! ^= 1)), /checksum does not fit/],
    ["a length beyond all parts", damaged((file) => void (file[20] = 255)), /damaged/],
    ["an end that is not empty", damaged((file) => void (file[file.length - 33] = 1)), /damaged/],
    ["something behind its end", concatBytes([fileOf([]), new Uint8Array(1)]), /more behind/],
    ["a later version of the code", fileOf([], later), /cluster version \d+; this version knows/],
  ];

  test.each(NOT_ONE)("is not taken for one: %s", (_, file, reason) => {
    let refusal: unknown = null;
    try {
      read(file, 64);
    } catch (error) {
      refusal = error;
    }
    if (!reason.test(String(refusal))) throw new Error(`refused with: ${String(refusal)}`);
  });
});
