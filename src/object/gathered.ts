// Owns answering calls that the router has gathered: all of them together, as bytes.

import {
  decodeGatheredCalls,
  encodeGatheredAnswers,
  type GatheredAnswer,
} from "../api/gathered-codec.ts";
import type { ReplicaAnswer, ReplicaCall } from "../api/replica.ts";
import type { Bytes } from "../base/types.ts";

/** Null: what was asked is not understood here, and nothing has happened. */
export type GatheredAnswers = Bytes | ReadableStream<Bytes> | null;

/** A call returns 32 MiB at most: what is longer than this is streamed, at its own pace. */
const RETURNED_BYTES_MAX = 8_388_608;

/** Answers once all are answered. One that throws leaves the others alone. */
export async function answerTogether(
  bytes: Bytes,
  serve: (calls: readonly ReplicaCall[]) => readonly Promise<ReplicaAnswer>[],
): Promise<GatheredAnswers> {
  const calls = decodeGatheredCalls(bytes);
  if (calls === null) return null;
  const settled = await Promise.allSettled(serve(calls));
  const answers = settled.map((one): GatheredAnswer =>
    one.status === "fulfilled" ? one.value : null,
  );
  const said = encodeGatheredAnswers(answers);
  return said.length > RETURNED_BYTES_MAX ? streamOf(said) : said;
}

const streamOf = (bytes: Bytes): ReadableStream<Bytes> =>
  new Response(bytes).body as ReadableStream<Bytes>;
