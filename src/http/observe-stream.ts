// Owns the stream of an election: one request in, its leaders out, line by line.

import type { Context } from "hono";
import { leaderLine, readElection } from "../api/election-json.ts";
import type { ApiError } from "../api/error.ts";
import { GRPC } from "../api/grpc-code.ts";
import { RECIPE_ERRORS } from "../api/recipe-error.ts";
import type { Bytes } from "../base/types.ts";
import type { LineSink } from "./line-sink.ts";
import { Caller, workFor } from "./recipes/caller.ts";
import { observe } from "./recipes/election.ts";
import type { RecipeStore } from "./recipes/store.ts";
import type { Services } from "./request.ts";
import { RequestError } from "./response.ts";

export class ObserveStream {
  readonly #services: Services;
  readonly #context: Context;
  readonly #sink: LineSink;
  readonly #caller: Caller;

  constructor(services: Services, context: Context, sink: LineSink) {
    this.#services = services;
    this.#context = context;
    this.#sink = sink;
    this.#caller = new Caller(services, context);
  }

  /** Takes the one request; whatever follows is not looked at. */
  async receive(document: string): Promise<boolean> {
    const read = readElection(document);
    if (read.ok) void this.begin(read.value.name);
    else await this.#sink.fail(read.error);
    return false;
  }

  /** Tells of the leaders of the election `name`. Never rejects. */
  async begin(name: Bytes): Promise<void> {
    try {
      const tell = (store: RecipeStore): Promise<void> => this.#tell(store, name);
      await workFor(this.#services, this.#context, this.#caller, tell, { isStream: true });
    } catch (error) {
      await this.#sink.fail(errorOf(error));
    }
  }

  /** There was no request: there is nothing to tell. */
  inputEnded(): Promise<void> {
    return this.#sink.end();
  }

  /** The client is gone. */
  close(): void {
    this.#caller.gone();
  }

  async #tell(store: RecipeStore, name: Bytes): Promise<void> {
    for await (const { header, kv } of observe(store, name)) {
      store.signal.throwIfAborted();
      await this.#sink.write(leaderLine(header, kv));
    }
  }
}

/** Whatever the store refuses, etcd says only that the stream ended. */
function errorOf(error: unknown): ApiError {
  const isTold = error instanceof RequestError && error.error.code !== GRPC.unknown;
  return isTold ? error.error : RECIPE_ERRORS.observeEnded;
}
