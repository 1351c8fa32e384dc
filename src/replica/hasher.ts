// Owns hashes under way: a slice at a time, with requests in between, each for a call that waits.

import type { ClientAnswer } from "../api/replica.ts";
import { crc32c } from "../base/checksum.ts";
import { HASHES_MAX, SWEEP_PAUSE_MS } from "../base/limits.ts";
import { later, type Bytes, type Milliseconds } from "../base/types.ts";
import type { KvHashing } from "../mvcc/hash-kv.ts";
import type { Calls } from "./calls.ts";
import type { Machine } from "./machine.ts";

interface Job {
  readonly call: number;
  readonly hashing: KvHashing;
  /** What is hashed behind the history, as of when that was pinned; null for the history alone. */
  readonly rest: Bytes | null;
}

export class Hasher {
  readonly #machine: Machine;
  readonly #calls: Calls;
  #jobs: readonly Job[] = [];
  #due: Milliseconds | null = null;

  constructor(machine: Machine, calls: Calls) {
    this.#machine = machine;
    this.#calls = calls;
  }

  /** When the next slice is due; null when nothing is hashed. */
  get due(): Milliseconds | null {
    return this.#due;
  }

  /** Begins to hash, for `call`, the history up to `revision`; or (null) all replicated state. */
  begin(call: number, revision: number | null, now: Milliseconds): void {
    if (this.#jobs.length >= HASHES_MAX) return this.#calls.refuse(call, "tooManyRequests");
    const begun = this.#machine.beginHash(revision ?? 0);
    if (!begun.ok) return this.#calls.refuse(call, begun.error);
    const rest = revision === null ? this.#machine.unversioned() : null;
    this.#jobs = [...this.#jobs, { call, hashing: begun.value, rest }];
    this.#due ??= now;
  }

  /** Hashes one slice for each call if that is due; gives up for those that have gone. */
  tick(now: Milliseconds): void {
    if (this.#due === null || now < this.#due) return;
    this.#jobs = this.#jobs.filter((job) => !this.#step(job));
    this.#due = this.#jobs.length > 0 ? later(now, SWEEP_PAUSE_MS) : null;
  }

  /** Whether the job has ended. */
  #step({ call, hashing, rest }: Job): boolean {
    if (this.#calls.get(call) === null) {
      hashing.release();
      return true;
    }
    if (!hashing.isPinned) {
      this.#calls.refuse(call, "changeUnderWay");
      return true;
    }
    const answer = hashing.step();
    if (answer === null) return false;
    const whole: ClientAnswer =
      rest === null
        ? { kind: "hashKv", answer }
        : { kind: "hash", hash: crc32c(rest, answer.hash) };
    this.#calls.succeed(call, whole);
    return true;
  }
}
