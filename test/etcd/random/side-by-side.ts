// Owns sending one history to an etcd and to ours, step by step, until they differ.

import { setTimeout as sleep } from "node:timers/promises";
import { compareReplies, explanationOf, type Finding } from "../comparison.ts";
import { Conversation, describeStep, type ReplyLine } from "../conversation.ts";
import { gapsBetween, isObject, type Json } from "../json.ts";
import type { Sequence, Step } from "../sequence.ts";
import type { Target } from "../target.ts";
import { countOf, watchedOf } from "./watched.ts";

/** As long as etcd may take to tell its watchers. */
const WATCHERS_MS_MAX = 2_000;
const POLL_MS = 5;
/** etcd looks after watches that begin in the past every 100 ms. */
const CATCH_UP_MS = 130;

/** The first unexplained differences; none when both said the same. */
export async function compareHistory(
  history: Sequence,
  etcd: Target,
  ours: Target,
): Promise<readonly Finding[]> {
  const pair = new Pair(history.name, etcd, ours);
  try {
    for (const step of history.steps) {
      const findings = await pair.take(step);
      if (findings.length > 0) return findings;
    }
    return await pair.finish();
  } finally {
    pair.close();
  }
}

class Pair {
  readonly #name: string;
  readonly #etcd: Conversation;
  readonly #ours: Conversation;
  readonly #ourTarget: Target;
  readonly #open = new Set<string>();

  constructor(name: string, etcd: Target, ours: Target) {
    this.#name = name;
    this.#etcd = new Conversation(etcd);
    this.#ours = new Conversation(ours);
    this.#ourTarget = ours;
  }

  async take(step: Step): Promise<Finding[]> {
    const found = mustCatchUp(step) ? await this.#compareStreams(namesOf(step, this.#open)) : [];
    if (found.length > 0) return found;
    if (step.kind === "stream" || step.kind === "socket") this.#open.add(step.name);
    if (step.kind === "close") this.#open.delete(step.name);
    const [etcd, ours] = await Promise.all([this.#etcd.begin(step), this.#ours.begin(step)]);
    if (step.kind === "stream" || step.kind === "say") await this.#created(step);
    const request = describeStep(step);
    return this.#unexplained(
      compareReplies(
        { topic: "random", sequence: this.#name },
        { request, lines: etcd.map(withoutTimeLeft) },
        { request, lines: ours.map(withoutTimeLeft) },
      ),
    );
  }

  async finish(): Promise<Finding[]> {
    const found = await this.#compareStreams([...this.#open]);
    if (found.length > 0) return found;
    const [etcd, ours] = await Promise.all([this.#etcd.hash(), this.#ours.hash()]);
    const gaps = etcd === null ? [] : gapsBetween(etcd as unknown as Json, ours as unknown as Json);
    return this.#unexplained(gaps.map((gap) => this.#finding("hash", gap)));
  }

  close(): void {
    this.#etcd.close();
    this.#ours.close();
  }

  /** Waits until a new watch stands, so that both see the same changes. */
  async #created(step: Extract<Step, { kind: "stream" | "say" }>): Promise<void> {
    await this.#heardAlike(step.name);
    const body = step.kind === "stream" ? step.body : step.text;
    if (body.includes('"start_revision"')) await sleep(CATCH_UP_MS);
    await this.#heardAlike(step.name);
  }

  /** Waits until both have told as much, or one takes too long. */
  async #heardAlike(stream: string): Promise<void> {
    for (let ms = 0; ms < WATCHERS_MS_MAX; ms += POLL_MS) {
      await this.#ourTarget.pass(1);
      const [etcd, ours] = [this.#etcd, this.#ours].map((one) => countOf(one.pending(stream)));
      if (etcd === ours) return;
      await sleep(POLL_MS);
    }
  }

  async #compareStreams(streams: readonly string[]): Promise<Finding[]> {
    for (const stream of streams) await this.#heardAlike(stream);
    const findings = streams.flatMap((stream) => {
      const etcd = watchedOf(this.#etcd.pending(stream));
      const ours = watchedOf(this.#ours.pending(stream));
      return gapsBetween(etcd, ours).map((gap) => this.#finding(`stream ${stream}`, gap));
    });
    return this.#unexplained(findings);
  }

  #finding(request: string, gap: Pick<Finding, "at" | "etcd" | "ours">): Finding {
    const place = { topic: "random", sequence: this.#name, request, stream: "" };
    return { ...place, ...gap, etcdLine: undefined, ourLine: undefined };
  }

  #unexplained(findings: readonly Finding[]): Finding[] {
    return findings.filter((finding) => explanationOf(finding) === undefined);
  }
}

/**
 * Before what would change or end what watchers are still to be told: etcd looks up previous versions
 * when it tells them, and a compaction takes those away.
 */
const mustCatchUp = (step: Step): boolean =>
  step.kind === "say" ||
  step.kind === "close" ||
  (step.kind === "call" && /compaction|auth/.test(step.path));

const namesOf = (step: Step, open: ReadonlySet<string>): readonly string[] => {
  if (step.kind === "call") return [...open];
  return "name" in step && open.has(step.name) ? [step.name] : [];
};

/** Time goes on differently on both. */
function withoutTimeLeft(line: ReplyLine): ReplyLine {
  if (!isObject(line.body) || line.body["grantedTTL"] === undefined) return line;
  return { ...line, body: { ...line.body, TTL: "*" } };
}
