// etcd's watch guarantees under anything: slow receivers, large revisions that come in parts,
// compactions, and sleeps of the replica that lose its memory. Method: random actions on a cluster of
// one, watched by receivers that drop repeats as the router does, against the plain list of changes.

import * as fc from "fast-check";
import { describe, test } from "vitest";
import type { ClientRequest } from "../../src/api/replica.ts";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import { prefixEnd } from "../../src/base/interval.ts";
import { ALL_WATCHES, type WatchDelivery, type WatchSpec } from "../../src/base/watch.ts";
import { WatchProgress } from "../../src/api/watch-progress.ts";
import { put } from "../support/requests.ts";
import { VirtualCluster } from "../support/virtual-cluster.ts";

const key = encodeUtf8;
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

interface Receiver {
  readonly prefix: string;
  readonly progress: WatchProgress;
  readonly heard: string[];
  /** The first revision that it is owed; null until it is known. */
  from: number | null;
  ended: string | null;
}

const prefix = fc.constantFrom("a", "b");
const actions = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("write"),
      prefix,
      keys: fc.integer({ min: 1, max: 6 }),
      size: fc.constantFrom(10, 1_000, 200_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("delete"), prefix }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("watch"),
      prefix,
      start: fc.integer({ min: -3, max: 3 }),
      prevKv: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("receive"), frames: fc.integer({ min: 0, max: 6 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("acknowledge") }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("progress") }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("compact"), back: fc.integer({ min: 0, max: 4 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("sleep"), acknowledged: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("wait"), ms: fc.constantFrom(1, 300, 700_000) }),
  },
) as fc.Arbitrary<Action>;

type Action =
  | { do: "write"; prefix: string; keys: number; size: number }
  | { do: "delete"; prefix: string }
  | { do: "watch"; prefix: string; start: number; prevKv: boolean }
  | { do: "receive"; frames: number }
  | { do: "acknowledge" | "progress" }
  | { do: "sleep"; acknowledged: boolean }
  | { do: "compact"; back: number }
  | { do: "wait"; ms: number };

/** A cluster of one, one session, and what each watch must hear. */
class World {
  readonly receivers = new Map<number, Receiver>();
  readonly #cluster = new VirtualCluster(1);
  readonly #changes: { readonly revision: number; readonly key: string; readonly line: string }[] =
    [];
  readonly #live = new Set<string>();
  #session = 1;
  #read = 0;
  #sequence = 0;
  #revision = 1;
  #compacted = -1;
  #isAllAcknowledged = true;

  constructor() {
    this.#cluster.runUntil(() => this.#cluster.leader() !== null);
    this.#cluster.openSession(this.#node, this.#session);
  }

  act(action: Action): void {
    switch (action.do) {
      case "write":
        return this.#write(action);
      case "delete":
        return this.#delete(action.prefix);
      case "watch":
        return this.#watch(action);
      case "receive":
        return this.receive(action.frames);
      case "acknowledge":
        return this.acknowledge();
      case "progress":
        return this.#cluster.sendFrame(this.#node, this.#session, { kind: "progress" });
      case "compact":
        return this.#compact(this.#revision - action.back);
      case "sleep":
        return this.#sleep(action.acknowledged);
      case "wait":
        return this.#cluster.run(action.ms);
      default:
        action satisfies never;
    }
  }

  receive(count: number): void {
    const frames = this.#cluster.frames.get(this.#session) ?? [];
    for (const frame of frames.slice(this.#read, this.#read + count)) {
      this.#read++;
      if (frame.kind !== "delivery") continue;
      if (frame.sequence <= this.#sequence) throw new Error("sequences rise");
      this.#sequence = frame.sequence;
      this.#hear(frame.delivery);
    }
  }

  acknowledge(): void {
    const frame = { kind: "ack", sequence: this.#sequence } as const;
    this.#cluster.sendFrame(this.#node, this.#session, frame);
  }

  /** Lets everything arrive, and checks that each watch heard all that it is owed. */
  settle(): void {
    this.#catchUp();
    for (const receiver of this.receivers.values()) {
      if (receiver.ended === null) this.#check(receiver, this.#revision);
    }
    this.#node.sql.close();
  }

  #catchUp(): void {
    for (let round = 0; round < 40; round++) {
      this.receive(Infinity);
      this.acknowledge();
      this.#cluster.run(20);
    }
  }

  get #node(): VirtualCluster["nodes"][number] {
    return this.#cluster.nodes[0]!;
  }

  #write(action: { prefix: string; keys: number; size: number }): void {
    const names = Array.from({ length: action.keys }, (_, n) => `${action.prefix}${n}`);
    const success = names.map((name) => put(key(name), new Uint8Array(action.size)));
    const answer = this.#serve({ kind: "txn", request: { compare: [], success, failure: [] } });
    if (answer !== "answered") return;
    this.#note(names, "put");
    for (const name of names) this.#live.add(name);
  }

  #delete(wanted: string): void {
    const request = { key: key(wanted), rangeEnd: prefixEnd(key(wanted)), prevKv: false };
    this.#serve({ kind: "deleteRange", request });
    const names = [...this.#live].filter((name) => name.startsWith(wanted)).toSorted();
    if (names.length > 0) this.#note(names, "delete");
    for (const name of names) this.#live.delete(name);
  }

  #note(names: readonly string[], kind: string): void {
    const revision = ++this.#revision;
    for (const name of names) {
      this.#changes.push({ revision, key: name, line: `${revision} ${kind} ${name}` });
    }
  }

  #watch(action: { prefix: string; start: number; prevKv: boolean }): void {
    const startRevision = action.start === 0 ? 0 : Math.max(this.#revision + action.start, 1);
    const id = this.receivers.size + 1;
    const spec: WatchSpec = {
      key: key(action.prefix),
      rangeEnd: prefixEnd(key(action.prefix)),
      startRevision,
      prevKv: action.prevKv,
      progressNotify: action.prevKv,
      noPut: false,
      noDelete: false,
    };
    const from = startRevision > 0 ? startRevision : null;
    const progress = new WatchProgress(spec);
    this.receivers.set(id, { prefix: action.prefix, progress, heard: [], from, ended: null });
    this.#cluster.sendFrame(this.#node, this.#session, { kind: "watch", watch: id, spec });
  }

  #compact(revision: number): void {
    const answer = this.#serve({ kind: "compact", revision, physical: true });
    if (answer === "answered") this.#compacted = revision;
  }

  /** The replica's memory is lost; its sockets, and what was kept with them, are not. */
  #sleep(acknowledged: boolean): void {
    this.receive(Infinity);
    // An object sleeps after seconds without events: by then all is acknowledged, unless a receiver
    // stands still. What was compacted meanwhile cannot then be told from what was missed.
    if (acknowledged) this.#catchUp();
    else this.#isAllAcknowledged = false;
    const kept = this.#cluster.checkpoints.get(this.#session)!;
    this.#cluster.restart(this.#node);
    this.#cluster.runUntil(() => this.#cluster.leader() !== null);
    this.#read = 0;
    this.#cluster.openSession(this.#node, ++this.#session, kept);
  }

  #serve(request: ClientRequest): string {
    return this.#cluster.serve(request).kind;
  }

  #hear(delivery: WatchDelivery): void {
    if (delivery.watch === ALL_WATCHES) {
      for (const receiver of this.receivers.values()) this.#progressed(receiver, delivery.revision);
      return;
    }
    const receiver = this.receivers.get(delivery.watch)!;
    if (receiver.ended !== null) throw new Error("a watch hears nothing after its end");
    switch (delivery.kind) {
      case "created":
        if (receiver.progress.created(delivery.revision)) receiver.from ??= delivery.revision + 1;
        break;
      case "events":
        for (const { kind, kv } of receiver.progress.take(delivery) ?? []) {
          receiver.heard.push(`${kv.modRevision} ${kind} ${text(kv.key)}`);
        }
        break;
      case "progress":
        this.#progressed(receiver, delivery.revision);
        break;
      case "canceled":
        receiver.ended = delivery.cause.kind;
        if (
          this.#isAllAcknowledged &&
          receiver.progress.resumeSpec.startRevision >= this.#compacted
        ) {
          throw new Error("a watch that has heard everything is not told that it is compacted");
        }
        break;
      default:
        delivery satisfies never;
    }
  }

  /** Bookmarkable: all events up to the revision were delivered before it is reported. */
  #progressed(receiver: Receiver, revision: number): void {
    if (receiver.ended !== null || !receiver.progress.isCreated) return;
    receiver.progress.progressed(revision);
    this.#check(receiver, revision);
  }

  #check({ prefix: wanted, from, heard }: Receiver, upTo: number): void {
    const owed = this.#changes
      .filter((change) => change.revision >= (from ?? Infinity) && change.revision <= upTo)
      .filter((change) => change.key.startsWith(wanted));
    const lines = owed.map((change) => change.line).join("; ");
    const got = heard.filter((line) => Number(line.split(" ")[0]) <= upTo).join("; ");
    if (lines !== got) throw new Error(`up to ${upTo}: owed "${lines}", heard "${got}"`);
  }
}

describe("every watch", () => {
  test("hears each change once, in order, whole and before any progress beyond it", () => {
    fc.assert(
      fc.property(fc.array(actions, { minLength: 20, maxLength: 120 }), (list) => {
        const world = new World();
        for (const each of list) world.act(each);
        world.settle();
      }),
      { numRuns: 60 },
    );
  }, 120_000);
});
