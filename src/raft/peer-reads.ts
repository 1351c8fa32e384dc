// Owns the reads that followers have forwarded to their leader: whose they are, and which answer
// each waits for. Of one follower only the latest question counts, for its answer confirms the
// earlier ones as well.

import type { Incarnation, MemberId, Term } from "../base/types.ts";
import type { Outbox } from "./outbox.ts";
import type { ReadyRead } from "./ready.ts";
import type { ReadRequest } from "./types.ts";

interface Question {
  readonly asker: MemberId;
  readonly incarnation: Incarnation;
  readonly round: number;
}

/** Questions by the token of the leader's own read that will answer them. */
export class PeerReads {
  readonly #questions = new Map<number, Question>();
  readonly #latest = new Map<MemberId, number>();

  /** `token` is a read of the leader's that arrived with the request. */
  add(token: number, { from: asker, incarnation, round }: ReadRequest): void {
    this.#questions.set(token, { asker, incarnation, round });
    this.#latest.set(asker, token);
  }

  /** Answers the followers' reads among those confirmed; returns the others. */
  answer(reads: readonly ReadyRead[], outbox: Outbox, term: Term): ReadyRead[] {
    return reads.filter(({ token, index }) => {
      const question = this.#questions.get(token);
      if (question === undefined) return true;
      this.#questions.delete(token);
      const { asker: to, incarnation, round } = question;
      if (this.#latest.get(to) !== token) return false;
      outbox.send({ kind: "readAnswer", to, term, incarnation, round, index });
      return false;
    });
  }

  /** Forgets all questions: their askers ask the next leader. Returns the tokens of other reads. */
  forget(tokens: readonly number[]): number[] {
    const own = tokens.filter((token) => !this.#questions.has(token));
    this.#questions.clear();
    this.#latest.clear();
    return own;
  }
}
