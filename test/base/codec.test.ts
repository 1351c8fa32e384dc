// Goal: one Writer may be used for many things after another, and leaves nothing of one in the next.

import * as fc from "fast-check";
import { describe, test } from "vitest";
import { Reader, Writer } from "../../src/base/codec.ts";

const bytes = fc.uint8Array({ maxLength: 300 });
const written = fc.record({
  id: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  number: fc.nat({ max: 2 ** 32 - 1 }),
  parts: fc.array(bytes, { maxLength: 5 }),
});
type Written = typeof written extends fc.Arbitrary<infer T> ? T : never;

function write(writer: Writer, { id, number, parts }: Written): Writer {
  return writer
    .id(id)
    .sized((body) => body.list(parts, (item, part) => item.bytes(part)))
    .uint32(number);
}

describe("a writer", () => {
  test("that begins anew writes what a new one would, and what it wrote stays", ({ expect }) => {
    fc.assert(
      fc.property(fc.array(written, { maxLength: 8 }), (things) => {
        const writer = new Writer();
        const finished = things.map((thing) => write(writer, thing).finishAndBegin());
        expect(writer.length).toBe(0);
        const expected = things.map((thing) => write(new Writer(), thing).finish());
        expect(finished).toEqual(expected);
      }),
    );
  });

  test("writes ids and fixed numbers that a reader gives back", ({ expect }) => {
    fc.assert(
      fc.property(written, (thing) => {
        const reader = new Reader(write(new Writer(), thing).finish());
        const id = reader.id();
        const parts = reader.sized().list((item) => item.bytes());
        const number = new DataView(reader.rest().buffer).getUint32(0);
        expect({ id, number, parts }).toEqual(thing);
      }),
    );
  });

  test("goes on after something large with a small buffer, and writes as before", ({ expect }) => {
    const writer = new Writer();
    const large = new Uint8Array(1_000_000).fill(7);
    expect(writer.raw(large).finishAndBegin()).toEqual(large);
    expect(writer.text("small").finishAndBegin()).toEqual(new Writer().text("small").finish());
  });
});
