// Goal: base64 is what everybody's is, whatever the bytes and however many.

import * as fc from "fast-check";
import { describe, test } from "vitest";
import { decodeBase64, encodeBase64 } from "../../src/api/base64.ts";

/** Short ones, and some beyond what is made into a string in one go. */
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.uint8Array({ minLength: 4_000, maxLength: 9_000, size: "max" }),
);

describe("base64", () => {
  test("is written as Node writes it, and read back", ({ expect }) => {
    fc.assert(
      fc.property(bytes, (given) => {
        const text = encodeBase64(given);
        expect(text).toBe(Buffer.from(given).toString("base64"));
        expect(decodeBase64(text)).toEqual(given);
      }),
    );
  });

  test("of a view is that of its bytes, and not of all behind it", ({ expect }) => {
    const whole = new Uint8Array([0, 0xff, 1, 2, 3]);
    expect(encodeBase64(whole.subarray(1, 4))).toBe("/wEC");
  });
});
