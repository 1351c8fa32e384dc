// Owns one end of a session in tests inside workerd, as the router holds it.

import { decodeReplicaFrames, encodeReceiverFrames } from "../../src/api/session-codec.ts";
import type { ReceiverFrame, ReplicaFrame } from "../../src/api/session.ts";
import { EMPTY, encodeUtf8 } from "../../src/base/bytes.ts";
import { replica } from "./cluster.ts";

export class Receiver {
  readonly frames: ReplicaFrame[] = [];
  readonly texts: string[] = [];
  readonly closed = Promise.withResolvers<number>();
  readonly #socket: WebSocket;
  #onFrame = (): void => {};

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.accept();
    socket.addEventListener("message", ({ data }) => {
      if (typeof data === "string") this.texts.push(data);
      else this.frames.push(...decodeReplicaFrames(new Uint8Array(data as ArrayBuffer)));
      this.#onFrame();
    });
    socket.addEventListener("close", ({ code }) => this.closed.resolve(code));
  }

  /** The values of the events so far. */
  get events(): string[] {
    return this.frames.flatMap((frame) =>
      frame.kind === "delivery" && frame.delivery.kind === "events"
        ? frame.delivery.events.map(({ kv }) => new TextDecoder().decode(kv.value))
        : [],
    );
  }

  send(...frames: ReceiverFrame[]): void {
    this.#socket.send(encodeReceiverFrames(frames));
  }

  sendRaw(data: string | Uint8Array<ArrayBuffer>): void {
    this.#socket.send(data);
  }

  /** Resolves once `condition` holds. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.#onFrame = resolve;
      });
    }
  }

  close(): void {
    this.#socket.close(1000);
  }
}

export async function connect(cluster: string, region: string): Promise<Receiver> {
  const response = await replica(cluster, region).fetch("https://replica/session", {
    headers: { Upgrade: "websocket" },
  });
  if (response.webSocket === null) throw new Error(`no session: ${response.status}`);
  return new Receiver(response.webSocket);
}

export const watch = (id: number, key: string, startRevision = 0): ReceiverFrame => ({
  kind: "watch",
  watch: id,
  spec: {
    key: encodeUtf8(key),
    rangeEnd: EMPTY,
    startRevision,
    prevKv: false,
    progressNotify: false,
    noPut: false,
    noDelete: false,
  },
});
