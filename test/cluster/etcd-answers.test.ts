// Goal: the real runtime answers as etcd does where it takes part: bodies, chunks, sockets. Method: some
// sequences of the corpus, each in a cluster of its own, compared with what etcd has answered. All of
// them run in `test/etcd`, without the runtime.

import { afterAll, beforeAll, describe, test } from "vitest";
import { judge, renderFinding } from "../etcd/comparison.ts";
import { converse } from "../etcd/conversation.ts";
import { CORPUS } from "../etcd/corpus/corpus.ts";
import { HttpTarget } from "../etcd/http-target.ts";
import { readRecording } from "../etcd/recording.ts";
import { startServer, type Server } from "../support/server.ts";

/** How many sequences of a topic; every so-and-so-many-th, so that all corners are seen. */
const SAMPLES: Readonly<Record<string, number>> = {
  "kv-put": 3,
  "kv-txn": 4,
  "kv-nested": 3,
  compaction: 3,
  lease: 4,
  watch: 8,
  "watch-socket": 8,
  malformed: 5,
  gateway: 5,
};

const SAMPLED = CORPUS.flatMap((topic) => {
  const count = SAMPLES[topic.name] ?? 0;
  const stride = Math.floor(topic.sequences.length / Math.max(count, 1));
  const chosen = topic.sequences.filter((_, n) => count > 0 && n % stride === stride - 1);
  return chosen.slice(0, count).map((sequence) => ({ topic, sequence, name: sequence.name }));
});

let server: Server;

beforeAll(async () => {
  server = await startServer({ regions: ["wnam"] });
});
afterAll(async () => {
  await server.stop();
});

async function newCluster(name: string): Promise<HttpTarget> {
  const created = await fetch(`${server.url}/v1/clusters/${name}`, { method: "PUT" });
  if (!created.ok) throw new Error(`no cluster ${name}: ${await created.text()}`);
  return new HttpTarget(`${server.url}/c/${name}`, () => Promise.resolve());
}

describe("a sequence on the real runtime", () => {
  test.for(SAMPLED.map((sample, n) => ({ ...sample, n })))(
    "$topic.name: $name",
    async ({ topic, sequence, n }, { expect }) => {
      const recorded = readRecording(topic.name).transcripts.get(sequence.name)!;
      const ours = await converse(sequence, await newCluster(`sequence-${n}`));
      const place = { topic: topic.name, sequence: sequence.name };
      // The hash is compared where the history is at hand.
      const { unexplained } = judge(place, { ...recorded, hash: null }, ours);
      expect(unexplained.map(renderFinding)).toEqual([]);
    },
  );
});
