// Owns the replica's end of a client's socket, played by a test: it keeps what it hears, and says what it
// is told to.

import { encodeSessionAnswer, refusedAnswer } from "../../src/api/session-answer-codec.ts";
import type { SessionAnswer } from "../../src/api/session-call.ts";
import { decodeReceiverFrames, encodeReplicaFrames } from "../../src/api/session-codec.ts";
import { SESSION_PING, type ReceiverFrame, type ReplicaFrame } from "../../src/api/session.ts";
import type { Refusal } from "../../src/base/refusal.ts";
import { asClusterId, asMemberId, asRevision, asTerm, type Bytes } from "../../src/base/types.ts";
import type { WatchDelivery } from "../../src/base/watch.ts";
import type { ClientSocket } from "../../src/client/platform.ts";

type RequestFrame = Extract<ReceiverFrame, { kind: "request" }>;

export const header = (clusterId = 1n) => ({
  clusterId: asClusterId(clusterId),
  memberId: asMemberId(2n),
  revision: asRevision(7),
  term: asTerm(3),
});
export const DONE: SessionAnswer = {
  kind: "answered",
  header: header(),
  result: { kind: "put", answer: { prevKv: null } },
};
export const refused = (refusal: Refusal): SessionAnswer => refusedAnswer(refusal, header());

export class PlayedSocket implements ClientSocket {
  binaryType = "";
  readonly frames: ReceiverFrame[] = [];
  isClosed = false;
  pings = 0;
  #sequence = 0;
  readonly #listeners: Record<string, ((event: never) => void)[]> = {};

  addEventListener(type: string, listener: (event: never) => void): void {
    (this.#listeners[type] ??= []).push(listener);
  }

  send(message: string | Bytes): void {
    if (typeof message !== "string") this.frames.push(...decodeReceiverFrames(message));
    if (message === SESSION_PING) this.pings++;
  }

  close(): void {
    this.isClosed = true;
  }

  get requests(): RequestFrame[] {
    return this.frames.filter((frame): frame is RequestFrame => frame.kind === "request");
  }

  get requestIds(): string[] {
    return this.requests.map(({ call }) => Buffer.from(call!.requestId).toString("hex"));
  }

  welcome(clusterId = 1n): void {
    this.#emit("open", {});
    this.say({ kind: "welcome", version: 2, ...header(clusterId) });
  }

  say(...frames: ReplicaFrame[]): void {
    this.#emit("message", { data: encodeReplicaFrames(frames).buffer });
  }

  answer(request: number, answer: SessionAnswer): void {
    this.say({ kind: "answer", request, body: encodeSessionAnswer(answer) });
  }

  deliver(delivery: WatchDelivery): void {
    this.say({ kind: "delivery", sequence: ++this.#sequence, term: asTerm(3), delivery });
  }

  drop(code = 1006): void {
    this.#emit("close", { code });
  }

  #emit(type: string, event: unknown): void {
    for (const listener of this.#listeners[type] ?? []) listener(event as never);
  }
}
