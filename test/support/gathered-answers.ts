// Owns how a played replica takes calls that the router has gathered.

import {
  decodeGatheredCalls,
  encodeGatheredAnswer,
  joinGatheredAnswers,
  type GatheredAnswer,
} from "../../src/api/gathered-codec.ts";
import type { ReplicaAnswer, ReplicaCall } from "../../src/api/replica.ts";
import { Writer } from "../../src/base/codec.ts";
import { concatBytes } from "../../src/base/bytes.ts";
import type { Bytes } from "../../src/base/types.ts";

export const bytesOfAnswers = (answers: readonly GatheredAnswer[]): Bytes =>
  concatBytes(
    joinGatheredAnswers(answers.map((answer) => encodeGatheredAnswer(new Writer(), answer))),
  );

/**
 * Answers each as it would alone, and what one of them throws breaks the whole call; but of the one
 * with the number `nth` says `instead`.
 */
export async function answerTogether(
  bytes: Bytes,
  serve: (call: ReplicaCall) => Promise<ReplicaAnswer>,
  given?: { readonly nth: number; readonly instead: GatheredAnswer },
): Promise<Bytes> {
  const calls = decodeGatheredCalls(bytes)!;
  const served = calls.map(async (call, number): Promise<GatheredAnswer> =>
    number === given?.nth ? given.instead : serve(call),
  );
  return bytesOfAnswers(await Promise.all(served));
}
