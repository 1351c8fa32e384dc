// Owns how a played replica takes calls that the router has gathered.

import { decodeGatheredCalls, encodeGatheredAnswers } from "../../src/api/gathered-codec.ts";
import type { ReplicaAnswer, ReplicaCall } from "../../src/api/replica.ts";
import type { Bytes } from "../../src/base/types.ts";

/**
 * Answers each as it would alone; what one of them throws breaks the whole call, but for the one with
 * the number `throws`.
 */
export async function answerTogether(
  bytes: Bytes,
  serve: (call: ReplicaCall) => Promise<ReplicaAnswer>,
  { throws = -1 } = {},
): Promise<Bytes> {
  const calls = decodeGatheredCalls(bytes)!;
  const served = calls.map(async (call, number) => (number === throws ? null : serve(call)));
  return encodeGatheredAnswers(await Promise.all(served));
}
