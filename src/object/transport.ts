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
  outstanding: number;
  /** The last call failed. A silent peer gets one call at a time, until one is answered. */
  isSilent: boolean;
}

/**
 * The calls of one replica to its peers. A plain RPC that hangs would keep the object awake for
 * ever; `fetch` lets go when its signal aborts.
 */
export class Transport {
  readonly #options: TransportOptions;
  readonly #links: Map<MemberId, Link>;
  #calls = 0;
  /** While set, nothing reaches anyone: the lab has cut this replica off. */
  isCut = false;

  constructor(members: readonly Member[], options: TransportOptions) {
    this.#options = options;
    this.#links = new Map(
      members.map((member) => [member.id, { member, outstanding: 0, isSilent: false }]),
    );
  }

  /** Calls made so far. */
  get calls(): number {
    return this.#calls;
  }

  /** Sends one batch. Raft survives loss, so what a link cannot take is dropped. */
  send({ to, messages }: PeerSend): void {
    const link = this.#links.get(to);
    if (link === undefined) return;
    if (link.outstanding >= (link.isSilent ? 1 : PEER_CALLS_MAX)) return;
    link.outstanding++;
    this.#calls++;
    void this.#call(link, encodeMessages(messages));
  }

  async #call(link: Link, body: BodyInit): Promise<void> {
    const { member } = link;
    const result = await this.#exchange(member, body).catch((): null => null);
    link.outstanding--;
    link.isSilent = result === null;
    if (result === null) this.#options.failed(member.id);
    else this.#options.answered(member.id, result);
  }

  async #exchange(member: Member, body: BodyInit): Promise<Message[] | null> {
    const signal = AbortSignal.timeout(PEER_CALL_MS_MAX);
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
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
