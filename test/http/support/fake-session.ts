// Owns the replica's side of a session, played: it reads what the receiver sends and sends what a
// test says.

import { decodeReceiverFrames, encodeReplicaFrames } from "../../../src/api/session-codec.ts";
import type { ReceiverFrame, ReplicaFrame } from "../../../src/api/session.ts";
import type { KeyValue } from "../../../src/base/kv.ts";
import { encodeUtf8 } from "../../../src/base/bytes.ts";
import { asRevision, asTerm, NO_LEASE } from "../../../src/base/types.ts";
import type { WatchDelivery, WatchEvent } from "../../../src/base/watch.ts";
import type { SessionSocket } from "../../../src/http/session-connection.ts";
import { headerOf } from "./fake-network.ts";

export class FakeSocket implements SessionSocket {
  readonly received: ReceiverFrame[] = [];
  pings = 0;
  isClosed = false;
  answersPings = true;
  /** Welcomes a receiver as soon as it says hello. */
  welcomes = true;
  /** Answers `watch` with `created` at this revision; null: the test answers itself. */
  createsAt: number | null = 7;
  #sequence = 0;
  readonly #listeners: Record<string, ((event: never) => void)[]> = {};

  accept(): void {}

  addEventListener(type: string, listener: (event: never) => void): void {
    (this.#listeners[type] ??= []).push(listener);
  }

  send(message: string | ArrayBuffer | ArrayBufferView): void {
    if (this.isClosed) throw new Error("the socket is closed");
    if (typeof message === "string") {
      this.pings++;
      if (this.answersPings) this.#emit("message", { data: "pong" });
      return;
    }
    for (const frame of decodeReceiverFrames(message as Uint8Array)) this.#take(frame);
  }

  close(): void {
    this.isClosed = true;
  }

  /** The other side ends the connection. */
  drop(code = 1006): void {
    this.isClosed = true;
    this.#emit("close", { code });
  }

  deliver(...deliveries: WatchDelivery[]): void {
    this.sendFrames(
      deliveries.map((delivery) => ({
        kind: "delivery",
        sequence: ++this.#sequence,
        term: asTerm(2),
        delivery,
      })),
    );
  }

  sendFrames(frames: readonly ReplicaFrame[]): void {
    this.sendBytes(encodeReplicaFrames(frames));
  }

  sendBytes(bytes: Uint8Array<ArrayBuffer>): void {
    this.#emit("message", { data: bytes.buffer });
  }

  /** Frames of one kind that the receiver has sent. */
  of<Kind extends ReceiverFrame["kind"]>(kind: Kind): Extract<ReceiverFrame, { kind: Kind }>[] {
    return this.received.filter(
      (frame): frame is Extract<ReceiverFrame, { kind: Kind }> => frame.kind === kind,
    );
  }

  #take(frame: ReceiverFrame): void {
    this.received.push(frame);
    if (frame.kind === "hello" && this.welcomes) {
      this.sendFrames([{ kind: "welcome", version: 1, ...headerOf("wnam", 2) }]);
    }
    if (frame.kind === "watch" && this.createsAt !== null) {
      this.deliver(created(frame.watch, this.createsAt));
    }
    if (frame.kind === "cancel") {
      const cause = { kind: "asked" } as const;
      this.deliver({ kind: "canceled", watch: frame.watch, revision: asRevision(7), cause });
    }
  }

  #emit(type: string, event: unknown): void {
    for (const listener of this.#listeners[type] ?? []) listener(event as never);
  }
}

const created = (watch: number, revision: number): WatchDelivery => ({
  kind: "created",
  watch,
  revision: asRevision(revision),
});

export const progress = (watch: number, revision: number): WatchDelivery => ({
  kind: "progress",
  watch,
  revision: asRevision(revision),
});

/** A put of `key` at `revision`. */
export function putEvent(key: string, revision: number): WatchEvent {
  const kv: KeyValue = {
    key: encodeUtf8(key),
    value: encodeUtf8("v"),
    createRevision: asRevision(revision),
    modRevision: asRevision(revision),
    version: 1,
    lease: NO_LEASE,
  };
  return { kind: "put", kv, prevKv: null };
}

/** Events of `watch`, each `key@revision`. */
export function events(
  watch: number,
  texts: readonly string[],
  options: { readonly partial?: boolean } = {},
): WatchDelivery {
  const list = texts.map((text) => {
    const [key, revision] = text.split("@");
    return putEvent(key!, Number(revision));
  });
  const revision = asRevision(list.at(-1)?.kv.modRevision ?? 7);
  return { kind: "events", watch, revision, events: list, partial: options.partial ?? false };
}

/** Lets everything that is ready happen. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}
