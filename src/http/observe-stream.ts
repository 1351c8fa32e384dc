// Owns the stream of an election: one request in, its leaders out, line by line.

import type { Context } from "hono";
import { leaderLine, readElection } from "../api/election-json.ts";
import { RECIPE_ERRORS } from "../api/recipe-error.ts";
import type { Bytes } from "../base/types.ts";
import type { LineSink } from "./line-sink.ts";
import { Caller, workFor } from "./recipes/caller.ts";
import { observe } from "./recipes/election.ts";
import type { Services } from "./request.ts";
import { RequestError } from "./response.ts";

export class ObserveStream {
  readonly #services: Services;
  readonly #context: Context;
  readonly #sink: LineSink;
  readonly #caller: Caller;
  #hasBegun = false;

  constructor(services: Services, context: Context, sink: LineSink) {
    this.#services = services;
    this.#context = context;
    this.#sink = sink;
    this.#caller = new Caller(services, context);
  }

  /** Takes the one request; whatever follows is not looked at. */
  async receive(document: string): Promise<boolean> {
    this.#hasBegun = true;
    const read = readElection(document);
    if (read.ok) void this.#run(read.value.name);
    else await this.#sink.fail(read.error);
    return false;
  }

  /** A stream without a request has the empty one, as a call would. */
  async inputEnded(): Promise<void> {
    if (!this.#hasBegun) await this.receive("{}");
  }

  /** The client is gone. */
  close(): void {
    this.#caller.gone();
  }

  async #run(name: Bytes): Promise<void> {
    const { signal } = this.#caller;
    try {
      await workFor(this.#services, this.#context, this.#caller, async (store) => {
        for await (const { header, kv } of observe(store, name)) {
          signal.throwIfAborted();
          await this.#sink.write(leaderLine(header, kv));
        }
      });
    } catch (error) {
      // etcd tells of its own limits, and says of everything else that the stream ended early.
      const isOwn = error === signal.reason && error instanceof RequestError;
      await this.#sink.fail(isOwn ? error.error : RECIPE_ERRORS.observeEnded);
    }
  }
}
