// Owns messages to peers until they are sent: one call per peer, or the answer of the peer's own.

import type { MemberId } from "../base/types.ts";
import type { Message } from "../raft/types.ts";
import type { PeerSend } from "./effects.ts";

export class PeerOutbox {
  #messages = new Map<MemberId, Message[]>();

  add(message: Message): void {
    const messages = this.#messages.get(message.to);
    if (messages === undefined) this.#messages.set(message.to, [message]);
    else messages.push(message);
  }

  /** Removes and returns what is for `peer`: it goes back in the answer of its call. */
  takeFor(peer: MemberId): readonly Message[] {
    const messages = this.#messages.get(peer) ?? [];
    this.#messages.delete(peer);
    return messages;
  }

  take(): PeerSend[] {
    const taken = this.#messages;
    this.#messages = new Map();
    return [...taken].map(([to, messages]) => ({ to, messages }));
  }
}
