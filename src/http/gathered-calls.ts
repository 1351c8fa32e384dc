// Owns gathering the calls of an isolate to one replica: those that come while one is under way travel
// together in the next. A call of an object costs the runtime several times what the replica does for
// it, and what one call brings is one batch of the log, or one round of a quorum.
//
// The platform ties a call to the request that made it. So whoever makes a call for others has it
// outlive its own request, and each request waits for a promise of its own: see `bell.ts`.

import {
  decodeGatheredAnswers,
  encodeGatheredCall,
  joinGatheredCalls,
  type GatheredCall,
} from "../api/gathered-codec.ts";
import { Writer } from "../base/codec.ts";
import type { ReplicaAnswer, ReplicaCall } from "../api/replica.ts";
import { assert } from "../base/assert.ts";
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
/** Beyond these, those that are idle are forgotten: an isolate may serve many clusters. */
const LANES_MAX = 64;
/** A call that takes longer has no caller left, and may never be heard of: others go at once again. */
const UNDER_WAY_MS_MAX = 10_000;
/** So long an object that does not know gathered calls is spared them: its code is renewed in minutes. */
const OLD_CODE_MS = 30_000;

export interface GatheringWorld extends Platform {
  readonly network: ReplicaNetwork;
}

interface Waiting {
  readonly call: ReplicaCall;
  readonly encoded: Bytes;
  readonly answer: PromiseWithResolvers<ReplicaAnswer>;
}

/** Calls that are to travel together. */
interface Parcel {
  readonly openedAt: number;
  readonly waiting: Waiting[];
  bytes: number;
}

/** Calls to one replica that wait for the same there: a read does not wait for a write. */
interface Lane {
  readonly key: string;
  readonly cluster: string;
  readonly contact: Contact;
  open: Parcel | null;
  readonly underWay: Set<Parcel>;
  /** Several were answered together: until then the next are expected to come together too. */
  crowdedUntil: number;
}

export class GatheredCalls {
  readonly #world: GatheringWorld;
  /** Those in which a call waits or is under way. */
  readonly #lanes = new Map<string, Lane>();
  #writer = new Writer();
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
    const encoded = this.#encode(short);
    const lane = this.#lane(cluster, contact, name);
    const answer = Promise.withResolvers<ReplicaAnswer>();
    const parcel = lane.open ?? this.#open(lane, now);
    parcel.waiting.push({ call, encoded, answer });
    parcel.bytes += encoded.length;
    const isDue = isFull(parcel) || now - parcel.openedAt > GATHER_MS_MAX;
    if (isDue && lane.open === parcel) this.#world.outlive(this.#send(lane, parcel));
    return answer.promise;
  }

  #encode(call: GatheredCall): Bytes {
    try {
      return encodeGatheredCall(this.#writer, call);
    } catch (error) {
      // It may have put the half of a call.
      this.#writer = new Writer();
      throw error;
    }
  }

  #lane(cluster: string, contact: Contact, name: LaneName): Lane {
    const key = `${name} ${cluster}/${contactName(contact)} ${contact.jurisdiction ?? ""}`;
    const known = this.#lanes.get(key);
    if (known !== undefined) return known;
    if (this.#lanes.size >= LANES_MAX) this.#tidy();
    const lane: Lane = { key, cluster, contact, open: null, underWay: new Set(), crowdedUntil: 0 };
    this.#lanes.set(key, lane);
    return lane;
  }

  /** Forgets who was crowded once. */
  #tidy(): void {
    for (const [key, lane] of this.#lanes) if (isIdle(lane)) this.#lanes.delete(key);
  }

  #open(lane: Lane, now: number): Parcel {
    const parcel: Parcel = { openedAt: now, waiting: [], bytes: 0 };
    lane.open = parcel;
    this.#world.outlive(this.#gather(lane, parcel));
    return parcel;
  }

  /** A lone call goes at once, with what else this turn asks for. */
  async #gather(lane: Lane, parcel: Parcel): Promise<void> {
    const { openedAt } = parcel;
    if (openedAt <= lane.crowdedUntil || isBusy(lane, openedAt))
      await this.#world.timer(GATHER_MS).over;
    else await Promise.resolve();
    if (lane.open === parcel) await this.#send(lane, parcel);
  }

  /** Never rejects. */
  async #send(lane: Lane, parcel: Parcel): Promise<void> {
    lane.open = null;
    lane.underWay.add(parcel);
    try {
      await this.#carry(lane, parcel);
    } catch (error) {
      for (const { answer } of parcel.waiting) answer.reject(error);
    }
    lane.underWay.delete(parcel);
    if (parcel.waiting.length > 1) lane.crowdedUntil = this.#world.clock() + GATHER_MS;
    else if (isIdle(lane)) this.#lanes.delete(lane.key);
  }

  async #carry({ cluster, contact }: Lane, { waiting }: Parcel): Promise<void> {
    const replica = this.#world.network.replica(cluster, contact);
    const calls = joinGatheredCalls(waiting.map(({ encoded }) => encoded));
    const said = await replica.serveAll(calls).catch(nothingIfUnknown);
    if (said === null) {
      this.#oldCodeUntil = this.#world.clock() + OLD_CODE_MS;
      return serveAlone(replica, waiting);
    }
    const answers = decodeGatheredAnswers(await bytesOf(said));
    assert(answers.length === waiting.length, "each gathered call has its answer");
    const alone: Waiting[] = [];
    for (const [index, one] of waiting.entries()) {
      const heard = answers[index]!;
      if (heard.kind === "tooLong") alone.push(one);
      else if (heard.kind === "threw") one.answer.reject(new Error("the call has thrown"));
      else one.answer.resolve(heard);
    }
    await serveAlone(replica, alone);
  }
}

/** Whether any of its calls is under way. Those that the platform has dropped say no more. */
function isBusy({ underWay }: Lane, now: number): boolean {
  for (const parcel of underWay) {
    if (now - parcel.openedAt < UNDER_WAY_MS_MAX) return true;
    underWay.delete(parcel);
  }
  return false;
}

const isIdle = ({ open, underWay }: Lane): boolean => open === null && underWay.size === 0;

const isFull = ({ waiting, bytes }: Parcel): boolean =>
  waiting.length >= CALLS_MAX || bytes >= BYTES_MAX;

async function serveAlone(replica: ReplicaStub, calls: readonly Waiting[]): Promise<void> {
  const served = calls.map(({ call, answer }) =>
    replica.serve(call).then(answer.resolve, answer.reject),
  );
  await Promise.all(served);
}

/** What the runtime says of a method that an object's code has not. @throws what else was thrown. */
function nothingIfUnknown(error: unknown): null {
  if (error instanceof TypeError && error.message.includes("does not implement")) return null;
  throw error;
}

const bytesOf = async (said: Bytes | ReadableStream<Bytes>): Promise<Bytes> =>
  said instanceof Uint8Array ? said : new Uint8Array(await new Response(said).arrayBuffer());
