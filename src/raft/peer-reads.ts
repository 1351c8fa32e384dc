// Owns the reads that followers have forwarded to their leader: whose they are, and which answer
// each waits for.
//
// Of the questions of one follower that are confirmed together only the latest is answered, for that
// confirms the earlier ones as well. One that has yet to be confirmed holds no other back: a
// follower that asks again before each answer would never get any.

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

  /** `token` is a read of the leader's that arrived with the request. */
  add(token: number, { from: asker, incarnation, round }: ReadRequest): void {
    this.#questions.set(token, { asker, incarnation, round });
  }

  /** Answers the followers' reads among those confirmed; returns the others. */
  answer(reads: readonly ReadyRead[], outbox: Outbox, term: Term): ReadyRead[] {
    const answers = new Map<MemberId, Question & Pick<ReadyRead, "index">>();
    const own = reads.filter(({ token, index }) => {
      const question = this.#questions.get(token);
      if (question === undefined) return true;
      this.#questions.delete(token);
      const other = answers.get(question.asker);
      if (other === undefined || isLater(question, other)) {
        answers.set(question.asker, { ...question, index });
      }
      return false;
    });
    for (const { asker: to, incarnation, round, index } of answers.values()) {
      outbox.send({ kind: "readAnswer", to, term, incarnation, round, index });
    }
    return own;
  }

  /** Of reads that are given up, the leader's own: the askers of the others ask the next leader. */
  ownOf(tokens: readonly number[]): number[] {
    return tokens.filter((token) => !this.#questions.has(token));
  }
}

const isLater = (a: Question, b: Question): boolean =>
  a.incarnation > b.incarnation || (a.incarnation === b.incarnation && a.round > b.round);
