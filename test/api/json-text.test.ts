// Properties of the JSON and base64 readers against those of the runtime.

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeBase64, encodeBase64 } from "../../src/api/base64.ts";
import { DocumentSplitter } from "../../src/api/document-splitter.ts";
import { positionOf, readJson, type JsonNode } from "../../src/api/json-reader.ts";

/** A node as `JSON.parse` would have it. */
function valueOf(node: JsonNode): unknown {
  switch (node.kind) {
    case "object":
      return Object.fromEntries(node.members.map(({ name, value }) => [name, valueOf(value)]));
    case "array":
      return node.items.map(valueOf);
    case "number":
      return Number(node.digits);
    case "null":
      return null;
    default:
      return node.value;
  }
}

describe("the JSON reader", () => {
  test("reads what JSON.parse reads", () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom(undefined, 1, "\t"), (text, indent) => {
        const spaced = JSON.stringify(JSON.parse(text), null, indent);
        const read = readJson(spaced);
        expect(read.ok && valueOf(read.value)).toEqual(JSON.parse(spaced));
      }),
    );
  });

  test("accepts what JSON.parse accepts, and nothing that does not begin with a document", () => {
    const parses = (text: string): boolean => {
      try {
        JSON.parse(text);
        return true;
      } catch {
        return false;
      }
    };
    fc.assert(
      fc.property(fc.json(), fc.nat(), fc.string({ maxLength: 1 }), (text, place, inserted) => {
        const at = place % text.length;
        const damaged = text.slice(0, at) + inserted + text.slice(at + 1);
        const { ok } = readJson(damaged);
        if (parses(damaged)) expect(ok).toBe(true);
        const prefixes = Array.from(damaged, (_, index) => damaged.slice(0, index + 1));
        if (ok) expect(prefixes.some(parses)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test("a position counts lines and characters from 1", () => {
    expect(positionOf("abc", 0)).toBe("line 1:1");
    expect(positionOf("a\nbé\u{1F600}x", 7)).toBe("line 2:5");
  });
});

describe("base64", () => {
  test("is that of the runtime, in all four spellings", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const padded = Buffer.from(bytes).toString("base64");
        expect(encodeBase64(bytes)).toBe(padded);
        const urlSafe = padded.replaceAll("+", "-").replaceAll("/", "_");
        for (const text of [padded, urlSafe]) {
          expect(decodeBase64(text)).toEqual(bytes);
          expect(decodeBase64(text.replace(/=+$/, ""))).toEqual(bytes);
        }
      }),
    );
  });

  test.for(["*", "A", "A===", "=", "Zg=", "Zm9vZg=", "Zg==Zg==", "Zmé=", "Z\n"])(
    "%j is refused",
    (text) => expect(decodeBase64(text)).toBeNull(),
  );
});

describe("the document splitter", () => {
  test("gives the same documents however the text is cut", () => {
    const document = fc.record({ a: fc.string(), b: fc.array(fc.string()) }).map((value) => {
      return JSON.stringify(value);
    });
    fc.assert(
      fc.property(fc.array(document), fc.array(fc.nat()), (documents, cuts) => {
        const text = documents.join(" \n");
        const places = [...new Set(cuts.map((cut) => cut % (text.length + 1)))].toSorted(
          (a, b) => a - b,
        );
        const splitter = new DocumentSplitter(10_000);
        const found: string[] = [];
        let from = 0;
        for (const place of [...places, text.length]) {
          found.push(...splitter.push(text.slice(from, place)));
          from = place;
        }
        expect(found).toEqual(documents);
        expect(splitter.finish()).toBeNull();
      }),
    );
  });

  test("brackets within strings count for nothing", () => {
    const splitter = new DocumentSplitter(100);
    expect(splitter.push('{"a":"}\\"{"}{"b":1}')).toEqual(['{"a":"}\\"{"}', '{"b":1}']);
  });

  test("what is no document ends with its line, and what is unfinished with the stream", () => {
    const splitter = new DocumentSplitter(100);
    expect(splitter.push("oops\n{bad")).toEqual(["oops\n"]);
    expect(splitter.finish()).toBe("{bad");
  });

  test("a document without end is not kept beyond the limit", () => {
    const splitter = new DocumentSplitter(10);
    expect(splitter.push(`{"${"x".repeat(20)}`)).toEqual([]);
    expect(splitter.isOverlong).toBe(true);
    expect(splitter.push('"}{}')).toEqual([]);
  });
});
