// Owns what a real etcd has answered, as text that people can read and compare: for each sequence a
// heading, then what was asked (`>`), what was answered (`<`), what streams said (their names), and
// the hash of the whole history (`=`).

import { readFileSync, writeFileSync } from "node:fs";
import type { Reply, ReplyLine, Transcript } from "./conversation.ts";
import type { Json } from "./json.ts";

const FOLDER = new URL("recorded/", import.meta.url);

export interface Recording {
  readonly version: string;
  readonly transcripts: ReadonlyMap<string, Transcript>;
}

const fileOf = (topic: string): URL => new URL(`${topic}.txt`, FOLDER);

export function writeRecording(topic: string, { version, transcripts }: Recording): void {
  const parts = [...transcripts].map(
    ([name, transcript]) => `# ${name}\n${renderTranscript(transcript)}\n`,
  );
  writeFileSync(fileOf(topic), [`etcd ${version}\n`, ...parts].join("\n"));
}

/** @throws when the topic was never recorded. */
export function readRecording(topic: string): Recording {
  const [first, ...parts] = readFileSync(fileOf(topic), "utf8").trimEnd().split("\n\n# ");
  const transcripts = parts.map((part): [string, Transcript] => {
    const [name, ...lines] = part.trimEnd().split("\n");
    return [name!, parseTranscript(lines)];
  });
  return { version: first!.replace("etcd ", ""), transcripts: new Map(transcripts) };
}

/** A transcript, line by line. */
function renderTranscript({ replies, hash }: Transcript): string {
  const lines = replies.flatMap((reply) => [`> ${reply.request}`, ...reply.lines.map(renderLine)]);
  if (hash !== null) lines.push(`= hash ${hash.hash} compacted ${hash.compactRevision}`);
  return lines.join("\n");
}

export function renderLine({ stream, event, body }: ReplyLine): string {
  const text = body === null ? "" : ` ${JSON.stringify(body)}`;
  return `${stream === "" ? "<" : stream} ${event}${text}`;
}

function parseTranscript(lines: readonly string[]): Transcript {
  const replies: (Reply & { readonly lines: ReplyLine[] })[] = [];
  let hash: Transcript["hash"] = null;
  for (const line of lines) {
    const [mark, event, ...rest] = line.split(" ");
    if (mark === ">") replies.push({ request: line.slice(2), lines: [] });
    else if (mark === "=") hash = { hash: Number(rest[0]), compactRevision: Number(rest[2]) };
    else {
      const body = rest.length === 0 ? null : (JSON.parse(rest.join(" ")) as Json);
      replies.at(-1)!.lines.push({ stream: mark === "<" ? "" : mark!, event: event!, body });
    }
  }
  return { replies, hash };
}
