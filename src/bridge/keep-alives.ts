// Owns a stream of keepalives: they are on their way together, and answered in their order.

import { KEEP_ALIVES_MAX } from "./bounds.ts";
import type { Conversation, Message } from "./upstream.ts";

/** `ask` brings one keepalive to the store. The first that fails ends the stream. */
export function keepAlives(
  ask: (request: Message) => Promise<Message>,
  signal: AbortSignal,
): Conversation {
  const asked: Promise<Message>[] = [];
  let wake = Promise.withResolvers<void>();
  const ring = (): void => {
    wake.resolve();
    wake = Promise.withResolvers();
  };
  signal.addEventListener("abort", ring, { once: true });
  async function* answers(): AsyncGenerator<Message, void, void> {
    while (!signal.aborted) {
      const [first] = asked;
      if (first === undefined) await wake.promise;
      else {
        const answer = await first;
        void asked.shift();
        ring();
        yield answer;
      }
    }
  }
  return {
    send: async (request) => {
      while (asked.length >= KEEP_ALIVES_MAX && !signal.aborted) await wake.promise;
      const answer = ask(request);
      // Heard in its turn.
      answer.catch(() => {});
      asked.push(answer);
      ring();
    },
    answers: answers(),
  };
}
