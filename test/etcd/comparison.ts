// Owns judging two transcripts of one sequence: each place where they differ is either explained by
// the table of differences, or found.

import type { Reply, ReplyLine, Transcript } from "./conversation.ts";
import { DIFFERENCES, type Difference } from "./differences.ts";
import { gapsBetween, type Gap, type Json } from "./json.ts";
import { renderLine } from "./recording.ts";

/** A place where the two servers differ, and where that is. */
export interface Finding extends Gap {
  readonly topic: string;
  readonly sequence: string;
  readonly request: string;
  /** The stream's name; empty for the answer to a call. */
  readonly stream: string;
  readonly etcdLine: ReplyLine | undefined;
  readonly ourLine: ReplyLine | undefined;
}

/** What a comparison has come to. */
export interface Judgement {
  readonly unexplained: readonly Finding[];
  /** Differences of the table that explained something. */
  readonly used: ReadonlySet<Difference>;
}

export function judge(
  place: { readonly topic: string; readonly sequence: string },
  etcd: Transcript,
  ours: Transcript,
): Judgement {
  const used = new Set<Difference>();
  const findings = etcd.replies.flatMap((reply, n) =>
    compareReplies(place, reply, ours.replies[n] ?? { request: reply.request, lines: [] }),
  );
  for (const gap of gapsBetween(asJson(etcd.hash), asJson(ours.hash), "/hash")) {
    if (etcd.hash === null) continue;
    const nowhere = { stream: "", etcdLine: undefined, ourLine: undefined };
    findings.push({ ...place, ...gap, ...nowhere, request: "hash" });
  }
  const unexplained = findings.filter((finding) => {
    const difference = explanationOf(finding);
    if (difference !== undefined) used.add(difference);
    return difference === undefined;
  });
  return { unexplained, used };
}

export const explanationOf = (finding: Finding): Difference | undefined =>
  DIFFERENCES.find(({ explains }) => explains(finding));

export function compareReplies(
  place: { readonly topic: string; readonly sequence: string },
  etcd: Reply,
  ours: Reply,
): Finding[] {
  const streams = new Set([...etcd.lines, ...ours.lines].map(({ stream }) => stream));
  return [...streams].flatMap((stream) => {
    const [theirs, own] = [etcd, ours].map(({ lines }) =>
      lines.filter((line) => line.stream === stream),
    );
    const count = Math.max(theirs!.length, own!.length);
    return Array.from({ length: count }, (_, n) => [theirs![n], own![n]] as const).flatMap(
      ([etcdLine, ourLine]) =>
        gapsOf(etcdLine, ourLine).map((gap) => ({
          ...place,
          ...gap,
          request: etcd.request,
          stream,
          etcdLine,
          ourLine,
        })),
    );
  });
}

function gapsOf(etcd: ReplyLine | undefined, ours: ReplyLine | undefined): Gap[] {
  if (etcd === undefined || ours === undefined) {
    return [{ at: "", etcd: asJson(etcd), ours: asJson(ours) }];
  }
  return [
    ...gapsBetween(etcd.event, ours.event, "/event"),
    ...gapsBetween(etcd.body, ours.body, "/body"),
  ];
}

const asJson = (value: object | null | undefined): Json | undefined => value as Json | undefined;

/** A finding for a person. */
export function renderFinding(finding: Finding): string {
  const { topic, sequence, request, at, etcdLine, ourLine } = finding;
  const show = (line: ReplyLine | undefined, value: Json | undefined): string =>
    line === undefined ? JSON.stringify(value ?? null) : renderLine(line);
  return [
    `${topic}: ${sequence}`,
    `  > ${request}   at ${at}`,
    `  etcd: ${show(etcdLine, finding.etcd)}`,
    `  ours: ${show(ourLine, finding.ours)}`,
  ].join("\n");
}
