// Owns running the corpus against a real etcd: recording it, and comparing it with ours.

import { judge, renderFinding, type Finding } from "./comparison.ts";
import { converse, type Transcript } from "./conversation.ts";
import { CORPUS } from "./corpus/corpus.ts";
import { DIFFERENCES, type Difference } from "./differences.ts";
import { EtcdFleet } from "./etcd-server.ts";
import { LocalServer } from "./local/local-server.ts";
import { writeRecording } from "./recording.ts";
import type { Sequence, Topic } from "./sequence.ts";

export interface Etcd {
  readonly program: string;
  readonly version: string;
}

export interface Selection {
  readonly topic?: string | undefined;
  readonly only?: string | undefined;
}

const topicsOf = ({ topic }: Selection): readonly Topic[] =>
  CORPUS.filter(({ name }) => topic === undefined || name === topic);
const sequencesOf = ({ sequences }: Topic, { only }: Selection): readonly Sequence[] =>
  sequences.filter(({ name }) => only === undefined || name.includes(only));

/** Writes down what etcd answers to the selected topics. */
export async function recordCorpus(etcd: Etcd, selection: Selection): Promise<boolean> {
  const fleet = new EtcdFleet(etcd.program);
  try {
    for (const topic of topicsOf(selection)) {
      const transcripts = new Map<string, Transcript>();
      for (const sequence of topic.sequences) {
        transcripts.set(sequence.name, await askEtcd(fleet, topic, sequence));
      }
      writeRecording(topic.name, { version: etcd.version, transcripts });
      console.log(`${topic.name}: ${transcripts.size} sequences recorded`);
    }
  } finally {
    await fleet.stop();
  }
  return true;
}

async function askEtcd(fleet: EtcdFleet, topic: Topic, sequence: Sequence): Promise<Transcript> {
  const target = await fleet.next(topic.etcd);
  try {
    return await converse(sequence, target);
  } finally {
    await target.stop();
  }
}

/** What ours says to a sequence, on a server that has seen nothing else. */
export async function askOurs(sequence: Sequence): Promise<Transcript> {
  const server = await LocalServer.start();
  try {
    return await converse(sequence, server);
  } finally {
    await server.stop();
  }
}

/** Sends the selected sequences to both; true when nothing is unexplained and no excuse is stale. */
export async function runCorpus(etcd: Etcd, selection: Selection): Promise<boolean> {
  const fleet = new EtcdFleet(etcd.program);
  const used = new Set<Difference>();
  const unexplained: Finding[] = [];
  let count = 0;
  try {
    for (const topic of topicsOf(selection)) {
      for (const sequence of sequencesOf(topic, selection)) {
        const [theirs, ours] = await Promise.all([
          askEtcd(fleet, topic, sequence),
          askOurs(sequence),
        ]);
        const judgement = judge({ topic: topic.name, sequence: sequence.name }, theirs, ours);
        for (const difference of judgement.used) used.add(difference);
        for (const finding of judgement.unexplained) console.log(renderFinding(finding));
        unexplained.push(...judgement.unexplained);
        count++;
      }
    }
  } finally {
    await fleet.stop();
  }
  const isWhole = selection.topic === undefined && selection.only === undefined;
  const stale = isWhole ? DIFFERENCES.filter((difference) => !used.has(difference)) : [];
  for (const { name } of stale) console.log(`This difference was never met: ${name}`);
  console.log(`${count} sequences, ${unexplained.length} unexplained differences`);
  return unexplained.length + stale.length === 0;
}
