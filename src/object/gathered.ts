// Owns answering calls that the router has gathered: all of them together, as bytes.

import {
  decodeGatheredCalls,
  encodeGatheredAnswer,
  joinGatheredAnswers,
  type GatheredAnswer,
} from "../api/gathered-codec.ts";
import type { ReplicaAnswer, ReplicaCall } from "../api/replica.ts";
import { concatBytes } from "../base/bytes.ts";
import { Writer } from "../base/codec.ts";
import type { Bytes } from "../base/types.ts";

/** Null: what was asked is not understood here, and nothing has happened. */
export type GatheredAnswers = Bytes | ReadableStream<Bytes> | null;

/**
 * A call returns 32 MiB at most, and each side holds all of it several times over. Reads that exceed
 * this are asked again alone; what is said of writes is said now or never, so it is streamed.
 */
const RETURNED_BYTES_MAX = 4_194_304;

/** Answers once all are answered. One that throws leaves the others alone. */
export async function answerTogether(
  bytes: Bytes,
  serve: (calls: readonly ReplicaCall[]) => readonly Promise<ReplicaAnswer>[],
): Promise<GatheredAnswers> {
  const calls = decodeGatheredCalls(bytes);
  if (calls === null) return null;
  const settled = await Promise.allSettled(serve(calls));
  const writer = new Writer();
  let size = 0;
  const said = settled.map((one) => {
    const answer: GatheredAnswer = one.status === "fulfilled" ? one.value : { kind: "threw" };
    const encoded = encodeGatheredAnswer(writer, answer);
    const isTooLong = isRead(answer) && size + encoded.length > RETURNED_BYTES_MAX;
    const kept = isTooLong ? encodeGatheredAnswer(writer, { kind: "tooLong" }) : encoded;
    size += kept.length;
    return kept;
  });
  const all = joinGatheredAnswers(said);
  return size > RETURNED_BYTES_MAX ? streamOf(all) : concatBytes(all);
}

const isRead = (answer: GatheredAnswer): boolean =>
  answer.kind === "answered" && answer.answer.kind === "range";

/** Part by part, as the other side takes them: a stream of another kind cannot leave an object. */
function streamOf(parts: readonly Bytes[]): ReadableStream<Bytes> {
  const left = parts[Symbol.iterator]();
  const source: UnderlyingByteSource = {
    type: "bytes",
    pull: (controller) => {
      const next = left.next();
      if (next.done === true) controller.close();
      else controller.enqueue(next.value);
    },
  };
  return new ReadableStream(source) as ReadableStream<Bytes>;
}
