// Owns gathering the calls of an isolate to one replica: those that come while one is under way travel
// together in the next. A call of an object costs the runtime several times what the replica does for
// it, and what one call brings is one batch of the log, or one round of a quorum.
//
// The platform ties a call to the request that made it. So whoever makes a call for others has it
// outlive its own request, and each request waits for a promise of its own: see `bell.ts`.

import {
  beginGatheredCalls,
  decodeGatheredAnswers,
  writeGatheredCall,
} from "../api/gathered-codec.ts";
import type { ReplicaAnswer, ReplicaCall } from "../api/replica.ts";
import { assert } from "../base/assert.ts";
import type { Writer } from "../base/codec.ts";
import type { Bytes } from "../base/types.ts";
import { contactName, type Contact } from "./contact.ts";
import { gatherable, type LaneName } from "./gatherable.ts";
import type { ReplicaNetwork, ReplicaStub } from "./network.ts";
import type { Platform } from "./platform.ts";

/** While others are under way, calls are gathered for so long: about what a commit takes. */
const GATHER_MS = 3;
/** After so long it is certain that the request which was to send them has ended. */
const GATHER_MS_MAX = 100;
/** Of one gathered call: all of its calls wait for the slowest. */
const CALLS_MAX = 128;
/** The runtime copies what a call carries several times, and takes 32 MiB at most. */
const BYTES_MAX = 262_144;
/** So long an object that does not know gathered calls is spared them: its code is renewed in minutes. */
const OLD_CODE_MS = 30_000;

export interface GatheringWorld extends Platform {
  readonly network: ReplicaNetwork;
}

interface Waiting {
  readonly call: ReplicaCall;
  readonly answer: PromiseWithResolvers<ReplicaAnswer>;
}

/** Calls that are to travel together. */
interface Parcel {
  readonly openedAt: number;
  readonly waiting: Waiting[];
  readonly encoded: Writer;
}

/** Calls to one replica that wait for the same there: a read does not wait for a write. */
interface Lane {
  readonly key: string;
  readonly cluster: string;
  readonly contact: Contact;
  open: Parcel | null;
  underWay: number;
}

export class GatheredCalls {
  readonly #world: GatheringWorld;
  /** Those in which a call waits or is under way. */
  readonly #lanes = new Map<string, Lane>();
  #oldCodeUntil = Number.NEGATIVE_INFINITY;

  constructor(world: GatheringWorld) {
    this.#world = world;
  }

  /** As `serve` of the replica itself, and rejects like it. */
  serve(cluster: string, contact: Contact, call: ReplicaCall): Promise<ReplicaAnswer> {
    const now = this.#world.clock();
    const gathered = now < this.#oldCodeUntil ? null : gatherable(call);
    if (gathered === null) return this.#world.network.replica(cluster, contact).serve(call);
    const [name, short] = gathered;
    const lane = this.#lane(cluster, contact, name);
    const answer = Promise.withResolvers<ReplicaAnswer>();
    const parcel = lane.open ?? this.#open(lane, now);
    parcel.waiting.push({ call, answer });
    writeGatheredCall(parcel.encoded, short);
    const isDue = isFull(parcel) || now - parcel.openedAt > GATHER_MS_MAX;
    if (isDue && lane.open === parcel) this.#world.outlive(this.#send(lane, parcel));
    return answer.promise;
  }

  #lane(cluster: string, contact: Contact, name: LaneName): Lane {
    const key = `${name} ${cluster}/${contactName(contact)} ${contact.jurisdiction ?? ""}`;
    const known = this.#lanes.get(key);
    if (known !== undefined) return known;
    const lane: Lane = { key, cluster, contact, open: null, underWay: 0 };
    this.#lanes.set(key, lane);
    return lane;
  }

  #open(lane: Lane, now: number): Parcel {
    const parcel: Parcel = { openedAt: now, waiting: [], encoded: beginGatheredCalls() };
    lane.open = parcel;
    this.#world.outlive(this.#gather(lane, parcel));
    return parcel;
  }

  /** A lone call goes at once, with what else this turn asks for. */
  async #gather(lane: Lane, parcel: Parcel): Promise<void> {
    if (lane.underWay > 0) await this.#world.timer(GATHER_MS).over;
    else await Promise.resolve();
    if (lane.open === parcel) await this.#send(lane, parcel);
  }

  /** Never rejects. */
  async #send(lane: Lane, parcel: Parcel): Promise<void> {
    lane.open = null;
    lane.underWay++;
    try {
      await this.#carry(lane, parcel);
    } catch (error) {
      for (const { answer } of parcel.waiting) answer.reject(error);
    }
    lane.underWay--;
    if (lane.underWay === 0 && lane.open === null) this.#lanes.delete(lane.key);
  }

  async #carry({ cluster, contact }: Lane, { waiting, encoded }: Parcel): Promise<void> {
    const replica = this.#world.network.replica(cluster, contact);
    const said = await replica.serveAll(encoded.finish()).catch(nothingIfUnknown);
    if (said === null) {
      this.#oldCodeUntil = this.#world.clock() + OLD_CODE_MS;
      await Promise.allSettled(waiting.map((one) => serveAlone(replica, one)));
      return;
    }
    const answers = decodeGatheredAnswers(await bytesOf(said));
    assert(answers.length === waiting.length, "each gathered call has its answer");
    for (const [index, { answer }] of waiting.entries()) {
      const heard = answers[index]!;
      if (heard === null) answer.reject(new Error("the call has thrown"));
      else answer.resolve(heard);
    }
  }
}

const isFull = ({ waiting, encoded }: Parcel): boolean =>
  waiting.length >= CALLS_MAX || encoded.length >= BYTES_MAX;

async function serveAlone(replica: ReplicaStub, { call, answer }: Waiting): Promise<void> {
  await replica.serve(call).then(answer.resolve, answer.reject);
}

/** What the runtime says of a method that an object's code has not. @throws what else was thrown. */
function nothingIfUnknown(error: unknown): null {
  if (error instanceof TypeError && error.message.includes("does not implement")) return null;
  throw error;
}

const bytesOf = async (said: Bytes | ReadableStream<Bytes>): Promise<Bytes> =>
  said instanceof Uint8Array ? said : new Uint8Array(await new Response(said).arrayBuffer());
