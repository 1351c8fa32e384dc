// Owns a cluster's directory as text: JSON with 64-bit ids as decimal strings, for storage.

import { z } from "zod";
import { JURISDICTIONS } from "../base/membership.ts";
import { asClusterId, asLogIndex, asMemberId } from "../base/types.ts";
import type { Directory } from "./replica.ts";

const decimal = z.string().regex(/^\d+$/u).transform(BigInt);

const stored = z.object({
  clusterId: decimal.transform(asClusterId),
  members: z.array(
    z.object({ id: decimal.transform(asMemberId), region: z.string(), generation: z.int() }),
  ),
  jurisdiction: z.enum(JURISDICTIONS).exactOptional(),
  // Texts of the first version have none.
  version: z.int().nonnegative().transform(asLogIndex).exactOptional(),
});

export const encodeDirectory = (directory: Directory): string =>
  JSON.stringify(directory, (_, value: unknown) =>
    typeof value === "bigint" ? value.toString() : value,
  );

/** @throws ZodError when the text is not a directory. */
export const decodeDirectory = (text: string): Directory => stored.parse(JSON.parse(text));
