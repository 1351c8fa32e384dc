// Owns a user whose permission comes and goes, and who writes on: by a web token that never gets old,
// or by simple tokens, for as long as they are taken.

import type { AuthAnswer, AuthRequest, Credentials } from "../../../src/base/auth.ts";
import { encodeUtf8 } from "../../../src/base/bytes.ts";
import { put } from "../../support/requests.ts";
import type { Chance } from "../chance.ts";
import type { World } from "../world.ts";
import { GUARDED, SUBJECT } from "./administrator.ts";
import type { Book } from "./book.ts";
import { EVER, type Result, type Router } from "./router.ts";

const KEYS = [`${GUARDED}0`, `${GUARDED}1`];

export interface SubjectOptions {
  readonly router: Router;
  readonly world: World;
  readonly book: Book;
  readonly everyMs: number;
}

export class Subject {
  readonly #options: SubjectOptions;
  readonly #chance: Chance;
  readonly #isByToken: boolean;
  #writes = 0;
  #isStopped = false;

  constructor(options: SubjectOptions) {
    this.#options = options;
    this.#chance = options.world.streams.stream(`subject ${options.router.client}`);
    this.#isByToken = this.#chance.next() < 0.5;
    this.#become({ kind: "user", name: SUBJECT, authRevision: EVER });
  }

  start(): void {
    const { world, everyMs } = this.#options;
    world.schedule.after(this.#chance.around(everyMs), () => {
      if (!this.#isStopped) this.#write();
    });
  }

  stop(): void {
    this.#isStopped = true;
  }

  #become(credentials: Credentials): void {
    this.#options.router.credentials = credentials;
  }

  /** What was refused is never to be seen: the book looks for it. */
  #write(): void {
    const { router, world, book } = this.#options;
    const key = this.#chance.pick(KEYS);
    const value = `${router.client}:${++this.#writes}`;
    const action = { kind: "put", value } as const;
    const call = world.schedule.now;
    const { floor } = book;
    router.ask(put(encodeUtf8(key), encodeUtf8(value)), (result) => {
      world.mark(`subject ${result.kind === "refused" ? result.refusal : result.kind}`);
      const isKnown = result.kind !== "unknown";
      const operation = { client: router.client, key, action, call };
      book.record(
        {
          ...operation,
          return: isKnown ? world.schedule.now : Infinity,
          outcome:
            result.kind === "answered"
              ? { kind: "ok", revision: result.revision, wrote: true }
              : { kind: isKnown ? "failed" : "unknown" },
        },
        floor,
      );
      const wantsToken = this.#isByToken && result.kind === "refused";
      if (wantsToken && result.refusal !== "permissionDenied") this.#logIn();
      else this.start();
    });
  }

  #logIn(): void {
    const name = SUBJECT;
    this.#ask({ op: "passwordOf", name }, (known) => {
      if (known?.op !== "password") return this.start();
      const { authRevision } = known;
      const letters = `token${this.#options.router.client}${this.#writes}`;
      this.#ask({ op: "issueToken", name, authRevision, letters }, (issued) => {
        if (issued?.op === "token") {
          this.#options.world.mark("token issued");
          this.#become({ kind: "token", token: issued.token });
        }
        this.start();
      });
    });
  }

  #ask(request: AuthRequest, done: (answer: AuthAnswer | null) => void): void {
    this.#options.router.ask({ kind: "auth", request }, (result: Result) => {
      const isAnswered = result.kind === "answered" && result.answer.kind === "auth";
      done(isAnswered ? result.answer.answer : null);
    });
  }
}
