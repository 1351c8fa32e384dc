// Owns calls to peers: each batch of messages is one call, and what the peer says back is its
// answer. Every call has a deadline. It does not know what the messages mean.

import type { Member } from "../api/replica.ts";
import { PEER_CALLS_MAX } from "../base/limits.ts";
import type { Bytes, MemberId } from "../base/types.ts";
import { decodeMessages, encodeMessages } from "../raft/message-codec.ts";
import type { Message } from "../raft/types.ts";
import type { PeerSend } from "../replica/effects.ts";
import type { PeerCall } from "./meters.ts";
import { pause } from "./pause.ts";

/** A call that has no answer after this long has failed. Above any round trip and commit. */
const PEER_CALL_MS_MAX = 1_500;

/** What a caller that is cut off hears; by then it has given up by its own deadline. */
export async function silence(): Promise<Response> {
  await pause(PEER_CALL_MS_MAX);
  return new Response("cut off", { status: 503 });
}

export interface TransportOptions {
  /** Reaches the peer's object with a new stub. */
  readonly fetch: (peer: Member, request: Request) => Promise<Response>;
  /** A delay for each way of a call, in milliseconds; 0 outside the lab. */
  readonly delayMs: (peer: Member) => number;
  readonly answered: (peer: MemberId, messages: readonly Message[]) => void;
  readonly failed: (peer: MemberId) => void;
  /** Told of every call that has ended. */
  readonly called: (peer: Member, call: PeerCall) => void;
}

interface Link {
  readonly member: Member;
  /** Calls under way. */
  calls: number;
  /** The last call failed. A silent peer gets one call at a time, until one is answered. */
  isSilent: boolean;
}

/** What a peer has answered. */
interface Heard {
  readonly messages: readonly Message[];
  readonly bytes: number;
}

/**
 * The calls of one replica to its peers. A plain RPC that hangs would keep the object awake for
 * ever; `fetch` lets go when its signal aborts.
 */
export class Transport {
  readonly #options: TransportOptions;
  readonly #links = new Map<MemberId, Link>();
  #calls = 0;
  /** While set, nothing reaches anyone: the lab has cut this replica off. */
  isCut = false;

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  /** Calls made so far. */
  get calls(): number {
    return this.#calls;
  }

  /**
   * From now on these are the peers. Calls under way to those who are none any more arrive, for they
   * may be what tells of the change; of how they end nothing is told.
   */
  adopt(members: readonly Member[]): void {
    const ids = new Set(members.map(({ id }) => id));
    for (const id of this.#links.keys()) if (!ids.has(id)) this.#links.delete(id);
    for (const member of members) {
      if (this.#links.has(member.id)) continue;
      this.#links.set(member.id, { member, calls: 0, isSilent: false });
    }
  }

  /** Sends one batch. Raft survives loss, so what a link cannot take is dropped. */
  send({ to, messages }: PeerSend): void {
    const link = this.#links.get(to);
    if (link === undefined) return;
    if (link.calls >= (link.isSilent ? 1 : PEER_CALLS_MAX)) return;
    this.#calls++;
    void this.#call(link, encodeMessages(messages));
  }

  async #call(link: Link, body: Bytes): Promise<void> {
    const { member } = link;
    const startedAt = Date.now();
    const call = new AbortController();
    link.calls++;
    const timer = setTimeout(() => call.abort(), PEER_CALL_MS_MAX);
    const result = await this.#exchange(member, body, call.signal).catch((): null => null);
    // A timer that goes on would hold the object in memory.
    clearTimeout(timer);
    link.calls--;
    this.#options.called(member, {
      ms: Date.now() - startedAt,
      sentBytes: body.length,
      receivedBytes: result?.bytes ?? null,
    });
    if (this.#links.get(member.id) !== link) return;
    link.isSilent = result === null;
    if (result === null) this.#options.failed(member.id);
    else this.#options.answered(member.id, result.messages);
  }

  async #exchange(member: Member, body: Bytes, signal: AbortSignal): Promise<Heard | null> {
    if (this.isCut) {
      await aborted(signal);
      return null;
    }
    const delayMs = this.#options.delayMs(member);
    if (delayMs > 0) await pause(delayMs);
    const request = new Request("https://replica/peer", { method: "POST", body, signal });
    const response = await this.#options.fetch(member, request);
    if (!response.ok) {
      await response.body?.cancel();
      return null;
    }
    const answer = await response.arrayBuffer();
    if (delayMs > 0) await pause(delayMs);
    if (this.isCut) return null;
    return { messages: decodeMessages(new Uint8Array(answer)), bytes: answer.byteLength };
  }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
