// Owns a client that watches: one session at a time, resumed at another replica from what it saw last,
// with the router's own bookkeeping of what was seen. What it hears is checked against the ledger.

import { SESSION_VERSION, type ReplicaFrame } from "../../../src/api/session.ts";
import { encodeUtf8 } from "../../../src/base/bytes.ts";
import { prefixEnd } from "../../../src/base/interval.ts";
import { ALL_WATCHES, type WatchDelivery, type WatchSpec } from "../../../src/base/watch.ts";
import { WatchProgress } from "../../../src/api/watch-progress.ts";
import type { Chance } from "../chance.ts";
import type { Ledger } from "../ledger.ts";
import type { Network } from "../network.ts";
import type { SimObject } from "../object.ts";
import { must, type World } from "../world.ts";
import type { Book } from "./book.ts";
import { Connection } from "./connection.ts";
import { ROOT } from "./router.ts";

export interface WatchOptions {
  readonly client: number;
  readonly world: World;
  readonly network: Network;
  readonly objects: readonly SimObject[];
  readonly ledger: Ledger;
  readonly book: Book;
}

export class WatchClient {
  readonly #options: WatchOptions;
  readonly #chance: Chance;
  readonly #prefix: string;
  #spec: WatchSpec;
  #progress: WatchProgress;
  #connection: Connection | null = null;
  /** Of the deliveries on it. */
  #sequence = 0;
  /** The first revision that it is owed; null until it is known. */
  #from: number | null = null;
  /** Everything up to here was heard, whole. */
  #through = 0;
  /** Where in `#through + 1` a partial delivery has come to. */
  #heardOfNext = 0;
  #count = 0;
  #isSettled = false;
  #mute: readonly SimObject[] = [];

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#chance = options.world.streams.stream(`watch ${options.client}`);
    this.#prefix = this.#chance.pick(["k", "k1", "l"]);
    const key = encodeUtf8(this.#prefix);
    const isExact = this.#prefix === "k1";
    this.#spec = {
      key,
      rangeEnd: isExact ? encodeUtf8("") : prefixEnd(key),
      startRevision: this.#chance.pick([0, 1, 2, 30]),
      prevKv: this.#chance.next() < 0.3,
      progressNotify: this.#chance.next() < 0.5,
      noPut: false,
      noDelete: false,
    };
    this.#progress = new WatchProgress(this.#spec);
  }

  /** The revision up to which it has heard everything. */
  get through(): number {
    return this.#through;
  }

  get place(): string {
    const object = this.#connection?.object;
    return `${this.#through}, at replica ${object?.number}, ${this.#connection?.isOpen}`;
  }

  get heard(): number {
    return this.#count;
  }

  start(): void {
    const { world } = this.#options;
    world.schedule.after(this.#chance.between(0, 500), () => this.#connect());
    world.schedule.after(this.#chance.between(500, 2_000), () => this.#nudge());
  }

  /**
   * Stays where it is from now on, unless that is a `mute` replica: one that hears its leader and is
   * never heard is told nothing new, and cannot know it. People notice, and go elsewhere.
   */
  settle(mute: readonly SimObject[]): void {
    this.#isSettled = true;
    this.#mute = mute;
    if (mute.includes(this.#connection?.object as SimObject)) this.#connection?.break();
  }

  #connect(): void {
    const { world, objects, network, client } = this.#options;
    if (this.#connection !== null) return;
    const object = this.#chance.pick(objects.filter((each) => !this.#mute.includes(each)));
    const connection = new Connection(object, {
      client,
      world,
      network,
      identity: null,
      heard: (from, frames) => this.#heard(from, frames),
      lost: (which) => this.#lost(which),
    });
    this.#connection = connection;
    this.#sequence = 0;
    const delayMs = network.delayOf(client, object.number);
    world.schedule.after(delayMs ?? 1_000, () => {
      if (delayMs === null || !object.openSession(connection)) return connection.break();
      world.trace.note("session", client, object.number, connection.session);
      connection.send([
        { kind: "hello", version: SESSION_VERSION },
        {
          kind: "watch",
          watch: client * -1,
          spec: this.#progress.resumeSpec,
          credentials: ROOT,
        },
      ]);
    });
  }

  #lost(connection: Connection): void {
    if (this.#connection !== connection) return;
    this.#connection = null;
    this.#options.world.mark("watch resumed");
    this.#options.world.schedule.after(this.#chance.between(1, 300), () => this.#connect());
  }

  /** Now and then it asks for progress, or leaves its replica for another. */
  #nudge(): void {
    const { world } = this.#options;
    if (this.#chance.next() < 0.8 || this.#isSettled)
      this.#connection?.send([{ kind: "progress" }]);
    else this.#connection?.break();
    world.schedule.after(this.#chance.between(500, 3_000), () => this.#nudge());
  }

  #heard(connection: Connection, frames: readonly ReplicaFrame[]): void {
    let acknowledged = 0;
    for (const frame of frames) {
      if (frame.kind !== "delivery") continue;
      must(frame.sequence > this.#sequence, "sequences of a session rise");
      this.#sequence = frame.sequence;
      acknowledged = frame.sequence;
      this.#deliver(frame.delivery);
    }
    if (acknowledged === 0) return;
    const delayMs = this.#chance.pick([0, 0, 20, 300]);
    this.#options.world.schedule.after(delayMs, () => {
      connection.send([{ kind: "ack", sequence: acknowledged }]);
    });
  }

  #deliver(delivery: WatchDelivery): void {
    const { world, client } = this.#options;
    world.trace.note(`watch ${delivery.kind}`, client, delivery.revision, this.#through);
    switch (delivery.kind) {
      case "created":
        if (!this.#progress.created(delivery.revision)) return;
        this.#from =
          this.#spec.startRevision > 0 ? this.#spec.startRevision : delivery.revision + 1;
        this.#through = this.#from - 1;
        return;
      case "events": {
        const fresh = this.#progress.take(delivery);
        if (fresh !== null) this.#take(fresh, delivery.partial);
        return;
      }
      case "progress":
        must(delivery.watch === ALL_WATCHES || delivery.watch === -client, "it is our watch");
        this.#bookmark(delivery.revision);
        return;
      case "canceled":
        return this.#canceled(delivery);
      default:
        delivery satisfies never;
    }
  }

  /** Events in the order of the ledger, none left out, none twice. */
  #take(
    events: readonly {
      readonly kind: string;
      readonly kv: { key: Uint8Array; value: Uint8Array; modRevision: number };
    }[],
    partial: boolean,
  ): void {
    for (const { kind, kv } of events) {
      const revision = kv.modRevision;
      if (revision > this.#through + 1 || this.#heardOfNext === 0) this.#pass(revision - 1);
      const owed = this.#owed(revision)[this.#heardOfNext];
      const key = Buffer.from(kv.key).toString("utf8");
      const value = Buffer.from(kv.value).toString("utf8");
      const isRight = owed?.kind === kind && owed.key === key && owed.value === value;
      must(isRight, () => this.#complaint(`hears ${kind} ${key}=${value} at ${revision}`));
      this.#heardOfNext++;
      this.#count++;
      const isWhole = this.#heardOfNext === this.#owed(revision).length;
      if (isWhole) {
        this.#through = revision;
        this.#heardOfNext = 0;
      }
    }
    must(partial || this.#heardOfNext === 0, () => this.#complaint("hears half a revision"));
    if (!partial) this.#progress.progressed(this.#through);
  }

  /** A bookmark at `revision`: everything up to it was heard. */
  #bookmark(revision: number): void {
    if (this.#from === null) return;
    this.#progress.progressed(revision);
    if (revision > this.#through) this.#pass(revision);
    this.#options.world.mark("watch bookmark");
  }

  /** Nothing was owed between what was heard and `revision`. */
  #pass(revision: number): void {
    for (let passed = this.#through + 1; passed <= revision; passed++) {
      const missed = this.#owed(passed).slice(passed === this.#through + 1 ? this.#heardOfNext : 0);
      must(missed.length === 0, () =>
        this.#complaint(`goes on to ${revision} without ${missed[0]!.key} at ${passed}`),
      );
    }
    if (revision <= this.#through) return;
    this.#through = revision;
    this.#heardOfNext = 0;
  }

  #canceled(delivery: WatchDelivery & { kind: "canceled" }): void {
    const { cause } = delivery;
    must(cause.kind === "compacted", () => this.#complaint(`is canceled: ${cause.kind}`));
    const next = this.#from === null ? this.#spec.startRevision : this.#through + 1;
    const { compactRevision } = cause;
    const wasAsked = compactRevision <= this.#options.book.compactionAsked;
    must(wasAsked, () => this.#complaint(`is told that ${compactRevision} is compacted`));
    this.#connection?.break();
    if (next >= compactRevision) {
      // A replica that slept resumes from what was acknowledged, and the last acknowledgements were
      // under way: it knows no better. What was seen since is not compacted.
      must(this.#connection?.wasRestored === true, () =>
        this.#complaint(`is told that ${compactRevision} is compacted, and wants ${next}`),
      );
      this.#options.world.mark("watch compacted behind its back");
      return;
    }
    this.#options.world.mark("watch compacted");
    // It begins anew from the present, as a client would after it has read the state.
    this.#spec = { ...this.#spec, startRevision: compactRevision };
    this.#progress = new WatchProgress(this.#spec);
    this.#from = compactRevision;
    this.#through = compactRevision - 1;
    this.#heardOfNext = 0;
  }

  #owed(revision: number) {
    const { ledger } = this.#options;
    if (this.#from !== null && revision < this.#from) return [];
    const events = ledger.at(revision)?.events ?? [];
    return events.filter(({ key }) =>
      this.#prefix === "k1" ? key === "k1" : key.startsWith(this.#prefix),
    );
  }

  #complaint(what: string): string {
    const { client } = this.#options;
    return `watcher ${-client} of "${this.#prefix}" from ${this.#from}, at ${this.#through}: ${what}`;
  }
}
