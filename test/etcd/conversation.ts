// Owns sending one sequence to one server, and what is heard: an answer per call, and the lines of each
// stream, under the step after which they came.

import { isObject, parseJson, valueAt, type Json } from "./json.ts";
import { normalise } from "./normalise.ts";
import type { Sequence, Step } from "./sequence.ts";
import type { ClientSocket, HistoryHash, Target } from "./target.ts";

/** What came back for one step: a line each, as the recording has it. */
export interface Reply {
  /** What was asked. */
  readonly request: string;
  readonly lines: readonly ReplyLine[];
}

export interface ReplyLine {
  /** The stream's name; empty for the answer to the call itself. */
  readonly stream: string;
  /** What happened: an HTTP status, `line`, `end`, `closed`, `hangs`. */
  readonly event: string;
  readonly body: Json;
}

export interface Transcript {
  readonly replies: readonly Reply[];
  readonly hash: HistoryHash | null;
}

/** A call that takes longer hangs. */
const HANGS_MS = 5_000;
/** What is longer stands in transcripts by its beginning, its length and a checksum. */
const SHOWN_MAX = 600;

/** Something that a stream has said. */
export type Heard = Omit<ReplyLine, "stream">;

interface Listening {
  readonly lines: Heard[];
  close(): void;
  say(text: string): void;
}

type StreamStep = Extract<Step, { kind: "stream" }>;
type SocketStep = Extract<Step, { kind: "socket" }>;
type CallStep = Extract<Step, { kind: "call" }>;

/** Sends `sequence` to `target`, which is new, and tells what it said. */
export async function converse(sequence: Sequence, target: Target): Promise<Transcript> {
  const conversation = new Conversation(target);
  const replies: Reply[] = [];
  try {
    for (const step of sequence.steps) {
      const lines = await conversation.take(step);
      replies.push({ request: describeStep(step), lines });
    }
    return { replies, hash: await conversation.hash() };
  } finally {
    conversation.close();
  }
}

export class Conversation {
  readonly #target: Target;
  readonly #kept = new Map<string, string>();
  readonly #listening = new Map<string, Listening>();
  #heard = 0;

  constructor(target: Target) {
    this.#target = target;
  }

  /** Takes one step, and gives what was heard until all was quiet. */
  async take(step: Step): Promise<ReplyLine[]> {
    const answer = await this.begin(step);
    if (this.#listening.size > 0) await this.#target.quiet(() => this.#heard);
    return [...answer, ...this.heard()];
  }

  /** Takes one step; what streams say because of it may come later. */
  async begin(step: Step): Promise<ReplyLine[]> {
    switch (step.kind) {
      case "call":
        return [await this.#call(step)];
      case "stream":
        this.#openStream(step);
        return [];
      case "socket":
        await this.#openSocket(step);
        return [];
      case "say":
        this.#listening.get(step.name)?.say(this.#fill(step.text));
        return [];
      case "close":
        this.#listening.get(step.name)?.close();
        this.#listening.delete(step.name);
        return [];
      case "pass":
        await this.#target.pass(step.ms);
        return [];
      default:
        return step satisfies never;
    }
  }

  /** What streams have said since the last call, each watch's lines together. */
  heard(): ReplyLine[] {
    return [...this.#listening].flatMap(([stream, { lines }]) => {
      const taken = lines.splice(0).map((line) => ({ stream, ...line }));
      return taken.toSorted((one, other) => groupOf(one) - groupOf(other));
    });
  }

  /** What a stream has said since `heard` was last called. */
  pending(stream: string): readonly Heard[] {
    return this.#listening.get(stream)?.lines ?? [];
  }

  /**
   * The hash of the whole history, with one key more: of a revision to which it compacted, an etcd
   * answers what it remembers.
   */
  async hash(): Promise<HistoryHash | null> {
    // A lease that the server has picked is in the history, and in its hash.
    if (this.#kept.has("key")) return null;
    const headers: Record<string, string> = {};
    const token = this.#kept.get("root");
    if (token !== undefined) headers["Authorization"] = token;
    const body = JSON.stringify({ key: btoa("hash"), value: btoa("") });
    const signal = AbortSignal.timeout(HANGS_MS);
    try {
      const request = { method: "POST", path: "/v3/kv/put", body, headers, signal };
      const answer = parseJson(await (await this.#target.send(request)).text());
      const revision = Number(valueAt(answer, "header.revision") ?? 0);
      return await this.#target.hash(revision, headers);
    } catch (error) {
      if (error instanceof TypeError) return null;
      throw error;
    }
  }

  close(): void {
    for (const listening of this.#listening.values()) listening.close();
  }

  async #call({ method, path, body, headers, keep }: CallStep): Promise<ReplyLine> {
    const filled = body === null ? null : this.#fill(body);
    const signal = AbortSignal.timeout(HANGS_MS);
    try {
      const response = await this.#target.send({
        method,
        path: this.#fill(path),
        body: filled,
        headers: this.#fillAll(headers),
        signal,
      });
      const document = parseJson((await response.text()).trimEnd());
      for (const [name, place] of Object.entries(keep)) this.#keep(name, valueAt(document, place));
      return { stream: "", event: String(response.status), body: this.#shown(document) };
    } catch (error) {
      if (error instanceof TypeError) return { stream: "", event: "broken", body: null };
      if (!signal.aborted) throw error;
      return { stream: "", event: "hangs", body: null };
    }
  }

  #keep(name: string, value: Json | undefined): void {
    if (typeof value === "string") this.#kept.set(name, value);
  }

  #fill(text: string): string {
    return text.replaceAll(/\$(\w+)/g, (whole, name: string) => this.#kept.get(name) ?? whole);
  }

  #fillAll(headers: Readonly<Record<string, string>>): Record<string, string> {
    return Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, this.#fill(value)]),
    );
  }

  #shown(document: Json): Json {
    const plain = normalise(document, this.#kept);
    const text = JSON.stringify(plain);
    return text.length <= 4 * SHOWN_MAX ? plain : shorten(text);
  }

  #openStream({ name, path, body, headers }: StreamStep): void {
    const over = new AbortController();
    const listening = this.#listen(name, { close: () => over.abort() });
    const { signal } = over;
    const request = { method: "POST", path, body: this.#fill(body), signal, isStream: true };
    const response = this.#target.send({ ...request, headers: this.#fillAll(headers) });
    void this.#read(response, listening, signal);
  }

  async #read(sent: Promise<Response>, listening: Listening, signal: AbortSignal): Promise<void> {
    try {
      const response = await sent;
      this.#hear(listening, String(response.status), null);
      for await (const line of linesOf(response)) this.#hearText(listening, line);
      this.#hear(listening, "end", null);
    } catch {
      if (!signal.aborted) this.#hear(listening, "broken", null);
    }
  }

  async #openSocket({ name, path, protocols }: SocketStep): Promise<void> {
    const opened: { socket: ClientSocket | null } = { socket: null };
    const listening = this.#listen(name, {
      close: () => opened.socket?.close(),
      say: (text) => opened.socket?.send(text),
    });
    try {
      opened.socket = await this.#target.connect(path, protocols, {
        onText: (text) => this.#hearText(listening, text),
        onClose: (code) => this.#hear(listening, "closed", code),
      });
    } catch {
      this.#hear(listening, "refused", null);
    }
  }

  #listen(name: string, acts: Partial<Pick<Listening, "close" | "say">>): Listening {
    const listening = { lines: [], close: () => undefined, say: () => undefined, ...acts };
    this.#listening.set(name, listening);
    return listening;
  }

  #hearText(listening: Listening, text: string): void {
    this.#hear(listening, "line", this.#shown(parseJson(text.trimEnd())));
  }

  #hear(listening: Listening, event: string, body: Json): void {
    listening.lines.push({ event, body });
    this.#heard++;
  }
}

/** The lines of a response as they come. */
async function* linesOf(response: Response): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of response.body ?? []) {
    rest += decoder.decode(chunk as Uint8Array, { stream: true });
    const lines = rest.split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
  if (rest !== "") yield rest;
}

/**
 * Between watches of one stream etcd promises no order: first how the stream began, then what answers
 * creations, in their order, then each watch, what speaks for all, and the end.
 */
function groupOf({ event, body }: ReplyLine): number {
  if (event === "end" || event === "closed" || event === "broken") return Number.MAX_SAFE_INTEGER;
  if (event !== "line") return -2;
  const result = isObject(body) ? body["result"] : undefined;
  if (!isObject(result)) return Number.MAX_SAFE_INTEGER - 1;
  if (result["created"] === true) return -1;
  const id = Number(result["watch_id"] ?? 0);
  if (id >= 0) return id;
  // A client may have chosen a negative id; without events it is what speaks for all.
  return Number.MAX_SAFE_INTEGER - 2 + (result["events"] === undefined ? 0 : id);
}

/** One line that says what a step asks, for people and for finding its recording. */
export function describeStep(step: Step): string {
  switch (step.kind) {
    case "call": {
      const headers = Object.entries(step.headers).map(([name, value]) => ` ${name}: ${value}`);
      const body = step.body === null ? "" : ` ${shown(step.body)}`;
      return `${step.method} ${step.path}${headers.join()}${body}`;
    }
    case "stream": {
      const headers = Object.entries(step.headers).map(([name, value]) => ` ${name}: ${value}`);
      return `stream ${step.name} ${step.path}${headers.join()} ${shown(step.body)}`;
    }
    case "socket":
      return `socket ${[step.name, step.path, ...step.protocols].join(" ")}`;
    case "say":
      return `say ${step.name} ${shown(step.text)}`;
    case "close":
      return `close ${step.name}`;
    case "pass":
      return `pass ${step.ms} ms`;
    default:
      return step satisfies never;
  }
}

/** A body on one line. */
function shown(body: string): string {
  const isPlain = /^[\x20-\x7e]*$/.test(body);
  return shorten(isPlain ? body : JSON.stringify(body));
}

function shorten(text: string): string {
  if (text.length <= SHOWN_MAX) return text;
  let sum = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) {
    sum = Math.imul(sum ^ text.charCodeAt(at), 0x01000193) >>> 0;
  }
  return `${text.slice(0, 100)}... (${text.length}, ${sum.toString(16)})`;
}
