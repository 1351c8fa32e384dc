// Owns calls to peers: each batch of messages is one call, and what the peer says back is its
// answer. Every call has a deadline. It does not know what the messages mean.

import type { Member } from "../api/replica.ts";
import { PEER_CALLS_MAX } from "../base/limits.ts";
import type { MemberId } from "../base/types.ts";
import { decodeMessages, encodeMessages } from "../raft/message-codec.ts";
import type { Message } from "../raft/types.ts";
import type { PeerSend } from "../replica/effects.ts";
import { pause } from "./pause.ts";

/** A call that has no answer after this long has failed. Above any round trip and commit. */
export const PEER_CALL_MS_MAX = 1_500;

export interface TransportOptions {
  /** Reaches the peer's object with a new stub. */
  readonly fetch: (peer: Member, request: Request) => Promise<Response>;
  /** A delay for each way of a call, in milliseconds; 0 outside the lab. */
  readonly delayMs: (peer: Member) => number;
  readonly answered: (peer: MemberId, messages: readonly Message[]) => void;
  readonly failed: (peer: MemberId) => void;
}

interface Link {
  readonly member: Member;
  /** The calls under way, each with what ends it. */
  readonly calls: Set<AbortController>;
  /** The last call failed. A silent peer gets one call at a time, until one is answered. */
  isSilent: boolean;
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
   * From now on these are the peers. Calls under way to those who are none any more end, and
   * nothing is told of them.
   */
  adopt(members: readonly Member[]): void {
    const ids = new Set(members.map(({ id }) => id));
    for (const [id, link] of this.#links) if (!ids.has(id)) this.#end(id, link);
    for (const member of members) {
      if (this.#links.has(member.id)) continue;
      this.#links.set(member.id, { member, calls: new Set(), isSilent: false });
    }
  }

  /** Sends one batch. Raft survives loss, so what a link cannot take is dropped. */
  send({ to, messages }: PeerSend): void {
    const link = this.#links.get(to);
    if (link === undefined) return;
    if (link.calls.size >= (link.isSilent ? 1 : PEER_CALLS_MAX)) return;
    this.#calls++;
    void this.#call(link, encodeMessages(messages));
  }

  async #call(link: Link, body: BodyInit): Promise<void> {
    const { member, calls } = link;
    const call = new AbortController();
    calls.add(call);
    const timer = setTimeout(() => call.abort(), PEER_CALL_MS_MAX);
    const result = await this.#exchange(member, body, call.signal).catch((): null => null);
    // A timer that goes on would hold the object in memory.
    clearTimeout(timer);
    calls.delete(call);
    if (this.#links.get(member.id) !== link) return;
    link.isSilent = result === null;
    if (result === null) this.#options.failed(member.id);
    else this.#options.answered(member.id, result);
  }

  async #exchange(member: Member, body: BodyInit, signal: AbortSignal): Promise<Message[] | null> {
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
    return this.isCut ? null : decodeMessages(new Uint8Array(answer));
  }

  #end(id: MemberId, link: Link): void {
    this.#links.delete(id);
    for (const call of link.calls) call.abort();
  }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
