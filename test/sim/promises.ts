// Owns what a replica has promised to leaders, by the answers that it gave: never anything to an
// instance that another one of the same term has superseded (ARCHITECTURE.md, "Leadership"). And what
// it owes to whoever only asks: a pre-vote changes nobody's term (thesis §9.6).

import type { Message } from "../../src/raft/types.ts";
import { must } from "./world.ts";

/** The promises of one instance: what it has heard is in its memory only. */
export class Promises {
  readonly #name: string;
  #term = 0;
  #incarnation = 0;

  constructor(name: string) {
    this.#name = name;
  }

  /** `terms` are those before and after `messages` were taken in. */
  check(
    messages: readonly Message[],
    answers: readonly Message[],
    terms: { readonly before: number; readonly after: number },
  ): void {
    const isAsked = messages.every(({ kind }) => kind === "preVote");
    must(
      !isAsked || terms.after === terms.before,
      () => `${this.#name}: a pre-vote raises the term`,
    );
    for (const message of messages) {
      if (message.kind !== "append" && message.kind !== "heartbeat") continue;
      const { term, incarnation } = message;
      const isPromised = answers.some(
        (answer) =>
          (answer.kind === "appendAnswer" || answer.kind === "heartbeatAnswer") &&
          answer.term === term &&
          answer.incarnation === incarnation,
      );
      if (!isPromised || term < this.#term) continue;
      const isLate = term === this.#term && incarnation < this.#incarnation;
      must(!isLate, () => `${this.#name} obeys a superseded leader of term ${term}`);
      this.#term = term;
      this.#incarnation = incarnation;
    }
  }
}
