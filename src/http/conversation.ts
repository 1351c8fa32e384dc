// Owns how the documents that a client sends one after another are taken: one at a time, from the
// frames of a WebSocket. What they say is the conversation's affair.

import { DocumentSplitter } from "../api/document-splitter.ts";
import { bodyTooLarge, GATEWAY_ERRORS } from "../api/error.ts";
import { isBeyondRepair } from "../api/json-reader.ts";
import { SOCKET_FRAMES_WAITING_MAX, SOCKET_WAITING_CHARACTERS_MAX } from "../base/limits.ts";
import type { SocketLines } from "./line-sink.ts";
import { decodeText, JSON_BODY_BYTES_MAX } from "./request.ts";
import { RequestError } from "./response.ts";

/** What takes the documents of a client's stream, one after another. */
export interface Conversation {
  /** False when nothing that follows is to be taken. */
  receive(document: string): Promise<boolean>;
  inputEnded(): Promise<void>;
  close(): void;
}

/** What is heard of a client's WebSocket. */
export interface HeardSocket {
  addEventListener(type: "message", listener: (event: { data: unknown }) => void): void;
  addEventListener(type: "close" | "error", listener: () => void): void;
}

/**
 * Takes a socket's frames. A line's end follows each, as in etcd's proxy, and else they are one text:
 * a frame may hold several documents, and a document may lie in several frames.
 */
export function converseBySocket(
  socket: HeardSocket,
  sink: SocketLines,
  conversation: Conversation,
): void {
  const splitter = new DocumentSplitter(JSON_BODY_BYTES_MAX);
  const waiting = { frames: 0, characters: 0 };
  let turn = Promise.resolve(true);
  socket.addEventListener("message", ({ data }) => {
    const size = sizeOf(data);
    sink.heard();
    waiting.frames++;
    waiting.characters += size;
    if (isTooMuch(waiting)) {
      conversation.close();
      void sink.fail(GATEWAY_ERRORS.overloaded);
      return;
    }
    turn = turn.then(async (goesOn) => {
      const goesOnStill = goesOn && (await receiveFrame({ splitter, sink, conversation, data }));
      waiting.frames--;
      waiting.characters -= size;
      return goesOnStill;
    });
  });
  socket.addEventListener("close", () => conversation.close());
  socket.addEventListener("error", () => conversation.close());
}

const isTooMuch = (waiting: { readonly frames: number; readonly characters: number }): boolean =>
  waiting.frames > SOCKET_FRAMES_WAITING_MAX ||
  (waiting.frames > 1 && waiting.characters > SOCKET_WAITING_CHARACTERS_MAX);

/** What is long is looked at once it is complete: each look reads it from its beginning. */
const isHopeless = (unfinished: string): boolean =>
  unfinished.trim() !== "" && unfinished.length <= LOOKED_AT_MAX && isBeyondRepair(unfinished);

const LOOKED_AT_MAX = 4_096;

/** Never rejects. */
async function receiveFrame(frame: {
  readonly splitter: DocumentSplitter;
  readonly sink: SocketLines;
  readonly conversation: Conversation;
  readonly data: unknown;
}): Promise<boolean> {
  const { splitter, sink, conversation } = frame;
  try {
    const documents = splitter.push(`${await textOf(frame.data)}\n`);
    // Nobody would wait for the end of what is wrong from its beginning.
    if (isHopeless(splitter.unfinished)) documents.push(splitter.unfinished);
    for (const document of documents) {
      if (!(await conversation.receive(document))) return false;
    }
    if (splitter.isOverlong) throw new RequestError(bodyTooLarge(JSON_BODY_BYTES_MAX));
    return true;
  } catch (error) {
    conversation.close();
    await sink.fail(error instanceof RequestError ? error.error : GATEWAY_ERRORS.internal);
    return false;
  }
}

/** Characters of text, or bytes. */
function sizeOf(data: unknown): number {
  if (typeof data === "string") return data.length;
  return data instanceof Blob ? data.size : (data as ArrayBuffer).byteLength;
}

async function textOf(data: unknown): Promise<string> {
  if (typeof data === "string") return data;
  const bytes = data instanceof Blob ? await data.arrayBuffer() : (data as ArrayBuffer);
  return decodeText(new Uint8Array(bytes));
}
