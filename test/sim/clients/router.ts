// Owns how a simulated client reaches the cluster: a simple router. It follows hints, asks others when
// the leader is silent, repeats a write with its request id only, and may urge a campaign.

import type { ClientRequest, Freshness, ReplicaAnswer } from "../../../src/api/replica.ts";
import { TURNED_AWAY } from "../../../src/api/turned-away.ts";
import type { Credentials } from "../../../src/base/auth.ts";
import type { Bytes } from "../../../src/base/types.ts";
import type { Chance } from "../chance.ts";
import type { Network } from "../network.ts";
import type { SimObject } from "../object.ts";
import type { World } from "../world.ts";

type Answered = Extract<ReplicaAnswer, { kind: "answered" }>;

/** What became of a request, as far as its client can know. */
export type Result =
  | { readonly kind: "answered"; readonly answer: Answered["answer"]; readonly revision: number }
  /** It has not happened and never will. */
  | { readonly kind: "refused"; readonly refusal: string; readonly revision: number }
  | { readonly kind: "overwritten" }
  | { readonly kind: "unknown" };

interface Asking {
  readonly request: ClientRequest;
  readonly requestId: Bytes;
  readonly idempotencyKey?: string;
  readonly freshness?: Freshness;
  readonly until: number;
  /** An attempt ended without an outcome: it may still happen. */
  isUncertain: boolean;
  readonly done: (result: Result) => void;
}

/** How long one attempt is given, and all of them together. */
const ATTEMPT_MS = 1_000;
const REQUEST_MS = 8_000;

/** Refusals that are decided when an entry is applied, or that a repeat would meet again. */
const PASSING: readonly string[] = ["tooManyRequests"];

/** An auth revision that no change of users and roles comes up to. */
export const EVER = 2 ** 40;

/** Whoever may do everything; of no account while auth is off. */
export const ROOT: Credentials = { kind: "user", name: "root", authRevision: EVER };

export class Router {
  readonly client: number;
  /** Who asks. */
  credentials: Credentials = ROOT;
  readonly #world: World;
  readonly #network: Network;
  readonly #objects: readonly SimObject[];
  readonly #chance: Chance;
  readonly #strayRate: number;
  #hint: bigint | null = null;
  #hintTerm = 0;
  #requests = 0;

  constructor(options: {
    readonly client: number;
    readonly world: World;
    readonly network: Network;
    readonly objects: readonly SimObject[];
    readonly strayRate: number;
  }) {
    this.#strayRate = options.strayRate;
    this.client = options.client;
    this.#world = options.world;
    this.#network = options.network;
    this.#objects = options.objects;
    this.#chance = options.world.streams.stream(`router ${options.client}`);
  }

  /** Asks the leader, wherever it is. */
  ask(request: ClientRequest, done: (result: Result) => void, idempotencyKey?: string): void {
    const until = this.#world.schedule.now + REQUEST_MS;
    const requestId = this.#requestId();
    const named = idempotencyKey === undefined ? {} : { idempotencyKey };
    this.#attempt({ request, requestId, ...named, until, isUncertain: false, done }, this.#first());
  }

  /** Asks any replica, which may answer by itself. */
  askAnyone(
    request: ClientRequest,
    freshness: Freshness | undefined,
    done: (result: Result) => void,
  ): void {
    const until = this.#world.schedule.now + REQUEST_MS;
    const given = freshness === undefined ? {} : { freshness };
    const asking = { request, requestId: this.#requestId(), until, isUncertain: false, done };
    this.#attempt({ ...asking, ...given }, this.#anyone());
  }

  #attempt(asking: Asking, object: SimObject): void {
    const { request, requestId, freshness, idempotencyKey } = asking;
    const given = {
      ...(freshness === undefined ? {} : { freshness }),
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    };
    const { credentials } = this;
    const call = { request, requestId, credentials, trace: "", timeoutMs: ATTEMPT_MS, ...given };
    this.#network.call(this.client, object, call, (answer) => {
      if (answer === null) return this.#broken(asking, object);
      this.#heard(asking, object, answer);
    });
  }

  #heard(asking: Asking, object: SimObject, answer: ReplicaAnswer): void {
    switch (answer.kind) {
      case "answered":
        this.#hint ??= object.id;
        this.#hintTerm = Math.max(this.#hintTerm, answer.header.term);
        return asking.done({
          kind: "answered",
          answer: answer.answer,
          revision: answer.header.revision,
        });
      case "refused": {
        const { refusal, header } = answer;
        if (PASSING.includes(refusal)) return this.#again(asking, object);
        if (asking.isUncertain && TURNED_AWAY.includes(refusal)) {
          return asking.done({ kind: "unknown" });
        }
        return asking.done({ kind: "refused", refusal, revision: header.revision });
      }
      case "redirect":
        if (answer.term >= this.#hintTerm) {
          this.#hintTerm = answer.term;
          this.#hint = answer.leader;
        }
        // The others may sleep, and take it for their leader still.
        if (answer.leader === null) this.#urge(this.#anyone());
        return this.#again(asking, object);
      case "overwritten":
        return asking.done({ kind: asking.isUncertain ? "unknown" : "overwritten" });
      case "timeout":
      case "unborn":
      case "removed":
        return this.#broken(asking, object);
      default:
        answer satisfies never;
    }
  }

  /** No outcome: it may still happen. Another replica may know more, or take over. */
  #broken(asking: Asking, object: SimObject): void {
    asking.isUncertain = true;
    if (this.#hint === object.id) {
      this.#hint = null;
      this.#urge(this.#anyone());
    }
    this.#again(asking, object);
  }

  #again(asking: Asking, last: SimObject): void {
    const { schedule } = this.#world;
    if (schedule.now >= asking.until) return asking.done({ kind: "unknown" });
    const next = this.#hint === null || this.#hint === last.id ? this.#anyone() : this.#leader();
    schedule.after(this.#chance.between(1, 60), () => this.#attempt(asking, next));
  }

  #urge(object: SimObject): void {
    const delayMs = this.#network.delayOf(this.client, object.number);
    const term = this.#hintTerm;
    if (delayMs === null) return;
    this.#world.schedule.after(delayMs, () => object.urge(term));
  }

  /** The leader as far as it is known; now and then another, who may know better. */
  #first(): SimObject {
    return this.#chance.next() < this.#strayRate ? this.#anyone() : this.#leader();
  }

  #leader(): SimObject {
    return this.#objects.find(({ id }) => id === this.#hint) ?? this.#anyone();
  }

  #anyone(): SimObject {
    return this.#chance.pick(this.#objects);
  }

  #requestId(): Bytes {
    const id = new Uint8Array(16);
    const view = new DataView(id.buffer);
    view.setInt32(0, this.client);
    view.setUint32(4, ++this.#requests);
    return id;
  }
}
