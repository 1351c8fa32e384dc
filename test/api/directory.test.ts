// A directory as text: what is stored comes back, and what an older version stored is still read.

import { expect, test } from "vitest";
import { decodeDirectory, encodeDirectory } from "../../src/api/directory.ts";
import { asClusterId, asLogIndex, asMemberId } from "../../src/base/types.ts";

const DIRECTORY = {
  clusterId: asClusterId(18_446_744_073_709_551_615n),
  members: [{ id: asMemberId(9_007_199_254_740_993n), region: "weur", generation: 2 }],
};
const TEXT =
  '{"clusterId":"18446744073709551615","members":[{"id":"9007199254740993","region":"weur","generation":2}]';

test("all 64 bits of ids come back, and the version if there is one", () => {
  const versioned = { ...DIRECTORY, version: asLogIndex(7) };
  for (const directory of [DIRECTORY, versioned]) {
    expect(decodeDirectory(encodeDirectory(directory))).toStrictEqual(directory);
  }
  expect(encodeDirectory(versioned)).toBe(`${TEXT},"version":7}`);
});

test("a text of the first version has no version", () => {
  expect(decodeDirectory(`${TEXT}}`)).toStrictEqual(DIRECTORY);
});

test("what is no directory is an error", () => {
  expect(() => decodeDirectory(TEXT)).toThrow(SyntaxError);
  for (const end of [',"version":-1}', ',"version":"7"}']) {
    expect(() => decodeDirectory(TEXT + end)).toThrow("version");
  }
});
