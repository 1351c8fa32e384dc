// Owns the writing side of streamed answers: lines of JSON, as a chunked response or as the frames
// of a client's WebSocket. What the lines say is their callers' affair.

import { errorLine, GATEWAY_ERRORS, type ApiError } from "../api/error.ts";
import { SOCKET_UNHEARD_CHARACTERS_MAX } from "../base/limits.ts";
import { errorResponse } from "./response.ts";

/** Where a stream's lines go, in order. Every method may be called once the client is gone. */
export interface LineSink {
  /**
   * Resolves when the client's side has taken the line, as far as that can be known.
   *
   * @throws Error when the client is gone.
   */
  write(line: string): Promise<void>;
  /** Ends the stream with an error. */
  fail(error: ApiError): Promise<void>;
  end(): Promise<void>;
}

export interface ResponseLinesOptions {
  /** Called when the client has closed its side, or the stream has failed. */
  readonly onGone: () => void;
  readonly headers: Readonly<Record<string, string>>;
  /** An error as the last line, or as the body of a response that had none yet. */
  readonly printError: (error: ApiError, place: { readonly isFirst: boolean }) => string;
}

/**
 * A chunked response, each line its own chunk. As in etcd's gateway the head of the response leaves
 * with the first line, so that a stream that fails before has the error's status.
 */
export class ResponseLines implements LineSink {
  readonly #options: ResponseLinesOptions;
  readonly #response = Promise.withResolvers<Response>();
  readonly #encoder = new TextEncoder();
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #readable: ReadableStream<Uint8Array>;
  #started = false;

  constructor(options: ResponseLinesOptions) {
    this.#options = options;
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    this.#readable = readable;
    this.#writer = writable.getWriter();
    this.#writer.closed.catch(options.onGone);
  }

  /** Resolves with the first line, or the failure, or the end. */
  get response(): Promise<Response> {
    return this.#response.promise;
  }

  async write(line: string): Promise<void> {
    this.#start();
    // Without room in the queue, a write resolves only when the reader has taken the chunk.
    await this.#writer.write(this.#encoder.encode(line));
  }

  async fail(error: ApiError): Promise<void> {
    const text = this.#options.printError(error, { isFirst: !this.#started });
    if (this.#started) {
      await this.#quietly(this.write(text));
      return this.end();
    }
    this.#started = true;
    this.#response.resolve(errorResponse(error, text));
    // Nobody will read the stream: what is still written must not wait for a reader.
    await this.#quietly(this.#writer.abort());
  }

  async end(): Promise<void> {
    this.#start();
    await this.#quietly(this.#writer.close());
  }

  #start(): void {
    if (this.#started) return;
    this.#started = true;
    this.#response.resolve(new Response(this.#readable, { headers: this.#options.headers }));
  }

  async #quietly(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch {
      // The client is gone; there is nobody to tell.
    }
  }
}

/** What is used of a server-side WebSocket. */
export interface LineSocket {
  send(message: string): void;
  close(code?: number, reason?: string): void;
}

/**
 * Each line one text frame, without its line's end. A WebSocket has no back pressure to await, and
 * nobody tells how much of what was sent still waits for a slow client. What is known is when the
 * client last said something: a silent one is sent a bounded amount, and then an error.
 */
export class SocketLines implements LineSink {
  readonly #socket: LineSocket;
  #unheard = 0;

  constructor(socket: LineSocket) {
    this.#socket = socket;
  }

  /** The client has said something, so it is there and takes part. */
  heard(): void {
    this.#unheard = 0;
  }

  async write(line: string): Promise<void> {
    const frame = line.trimEnd();
    // One line that is larger than the limit goes to whoever has nothing else on the way.
    if (this.#unheard > 0 && this.#unheard + frame.length > SOCKET_UNHEARD_CHARACTERS_MAX) {
      await this.fail(GATEWAY_ERRORS.socketUnheard);
      throw new Error("the client has been silent for too many bytes; it may resume");
    }
    this.#unheard += frame.length;
    this.#socket.send(frame);
  }

  async fail(error: ApiError): Promise<void> {
    try {
      this.#socket.send(errorLine(error).trimEnd());
    } catch {
      // The client is gone; there is nobody to tell.
    }
    await this.end();
  }

  async end(): Promise<void> {
    try {
      this.#socket.close(1000);
    } catch {
      // It was closed from the other side already.
    }
  }
}
