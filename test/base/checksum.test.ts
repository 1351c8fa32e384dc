// Checksums: the standard's own examples, and damage of every kind.

import * as fc from "fast-check";
import { describe, test } from "vitest";
import { crc32c, seal, unseal } from "../../src/base/checksum.ts";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import { CodecError } from "../../src/base/codec.ts";
import type { Bytes } from "../../src/base/types.ts";

describe("CRC-32C", () => {
  // RFC 3720, appendix B.4.
  const examples: { name: string; bytes: Bytes; crc: number }[] = [
    { name: "32 zeros", bytes: new Uint8Array(32), crc: 0x8a9136aa },
    { name: "32 ones", bytes: new Uint8Array(32).fill(0xff), crc: 0x62a8ab43 },
    { name: "0 to 31", bytes: Uint8Array.from({ length: 32 }, (_, n) => n), crc: 0x46dd794e },
    { name: "123456789", bytes: encodeUtf8("123456789"), crc: 0xe3069283 },
  ];
  test.for(examples)("of $name is the standard's", ({ bytes, crc }, { expect }) => {
    expect(crc32c(bytes)).toBe(crc);
  });
});

describe("CRC-32C, eight bytes at once", () => {
  test("is what it is byte by byte", ({ expect }) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const one = (crc: number, byte: number): number => crc32c(Uint8Array.of(byte), crc);
        expect(crc32c(bytes)).toBe(bytes.reduce(one, 0));
      }),
    );
  });
});

describe("sealed bytes", () => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 64 }) as fc.Arbitrary<Bytes>;

  test("read back as they were; nothing stays nothing", ({ expect }) => {
    expect(unseal(seal(new Uint8Array(0)))).toEqual(new Uint8Array(0));
    fc.assert(
      fc.property(bytes, (body) => {
        expect(unseal(seal(body))).toEqual(body);
      }),
    );
  });

  test("with one bit changed anywhere are refused", ({ expect }) => {
    fc.assert(
      fc.property(bytes, fc.nat(), fc.nat({ max: 7 }), (body, place, bit) => {
        const sealed = seal(body);
        sealed[place % sealed.length]! ^= 1 << bit;
        expect(() => unseal(sealed)).toThrow(CodecError);
      }),
    );
  });

  test("cut short are refused", ({ expect }) => {
    const sealed = seal(encodeUtf8("a value"));
    for (let length = 1; length < sealed.length; length++) {
      expect(() => unseal(sealed.slice(0, length))).toThrow(CodecError);
    }
  });
});
