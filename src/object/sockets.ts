// Owns the WebSockets of a replica's sessions: which socket is which session, what is kept with it
// across a sleep of the object, and the frames on the wire.

import { SESSION_PING, SESSION_PONG, type ReceiverFrame } from "../api/session.ts";
import { decodeReceiverFrames, messagesOf } from "../api/session-codec.ts";
import { Writer } from "../base/codec.ts";
import {
  keptIdentity,
  parseIdentity,
  printIdentity,
  type SessionIdentity,
} from "../api/session-identity.ts";
import type { Bytes } from "../base/types.ts";
import type { SessionEffects } from "../replica/effects.ts";
import type { SessionOpening } from "../replica/sessions.ts";

/** A socket that survived a sleep, with the session's checkpoint. */
export interface RestoredSession {
  readonly session: number;
  readonly opening: SessionOpening;
}

export class Sockets {
  readonly #context: DurableObjectState;
  readonly #sessions = new Map<WebSocket, number>();
  readonly #sockets = new Map<number, WebSocket>();
  /** For what goes to all of them: making one for each costs more than what is written. */
  readonly #writer = new Writer();
  #lastSession = 0;

  constructor(context: DurableObjectState) {
    this.#context = context;
    this.answerPings();
  }

  get count(): number {
    return this.#sockets.size;
  }

  /** Pings are answered by the platform, without waking the object. */
  answerPings(): void {
    const pair = new WebSocketRequestResponsePair(SESSION_PING, SESSION_PONG);
    this.#context.setWebSocketAutoResponse(pair);
  }

  /** Says nothing any more, not even to pings: the lab has cut the replica off. */
  fallSilent(): number[] {
    this.#context.setWebSocketAutoResponse();
    const sessions = [...this.#sockets.keys()];
    this.#sockets.clear();
    this.#sessions.clear();
    return sessions;
  }

  /** `identity` is kept with a client's socket, as far as it may be: as its only tag. */
  accept(socket: WebSocket, identity: SessionIdentity | null): number {
    const tags = identity === null ? [] : [printIdentity(keptIdentity(identity))];
    this.#context.acceptWebSocket(socket, tags);
    return this.#adopt(socket);
  }

  /** The sessions whose sockets the platform kept while the object slept. */
  restore(): RestoredSession[] {
    const kept = this.#context
      .getWebSockets()
      .filter((socket) => socket.readyState === WebSocket.OPEN && !this.#sessions.has(socket));
    for (const socket of kept) this.#adopt(socket);
    return kept.map((socket) => this.#describe(socket));
  }

  /** The sessions that are open, as a new core takes them over. */
  checkpoints(): RestoredSession[] {
    return [...this.#sessions.keys()].map((socket) => this.#describe(socket));
  }

  /** The session of a socket; null when it was ended. */
  sessionOf(socket: WebSocket): number | null {
    return this.#sessions.get(socket) ?? null;
  }

  /** @throws CodecError when the message is not of the protocol. */
  read(message: ArrayBuffer | string): ReceiverFrame[] {
    return typeof message === "string" ? [] : decodeReceiverFrames(new Uint8Array(message));
  }

  perform({ frames, checkpoints, closes }: SessionEffects): void {
    for (const { session, frames: list } of frames) {
      const socket = this.#sockets.get(session);
      // One whose receiver is just leaving takes nothing more; its end is told by an event.
      if (socket?.readyState !== WebSocket.OPEN) continue;
      for (const message of messagesOf(list, this.#writer)) socket.send(message);
    }
    for (const { session, checkpoint } of checkpoints) {
      this.#sockets.get(session)?.serializeAttachment(checkpoint);
    }
    for (const { session, code, reason } of closes) this.end(session, code, reason);
  }

  end(session: number, code: number, reason: string): void {
    const socket = this.#sockets.get(session);
    this.#forget(session);
    socket?.close(code, reason);
  }

  /** Closes sockets that belong to no session: those that were silenced. */
  closeForgotten(code: number, reason: string): void {
    for (const socket of this.#context.getWebSockets()) {
      if (!this.#sessions.has(socket)) socket.close(code, reason);
    }
  }

  /** Closes every socket, of a session or not. */
  closeAll(code: number, reason: string): void {
    this.#sockets.clear();
    this.#sessions.clear();
    this.closeForgotten(code, reason);
  }

  /** The receiver has gone. */
  forget(socket: WebSocket): number | null {
    const session = this.sessionOf(socket);
    if (session !== null) this.#forget(session);
    return session;
  }

  #adopt(socket: WebSocket): number {
    const session = ++this.#lastSession;
    this.#sessions.set(socket, session);
    this.#sockets.set(session, socket);
    return session;
  }

  #describe(socket: WebSocket): RestoredSession {
    const checkpoint = socket.deserializeAttachment() as Bytes | null;
    const [tag] = this.#context.getTags(socket);
    const identity = tag === undefined ? null : parseIdentity(tag);
    return { session: this.#sessions.get(socket)!, opening: { checkpoint, identity } };
  }

  #forget(session: number): void {
    const socket = this.#sockets.get(session);
    if (socket !== undefined) this.#sessions.delete(socket);
    this.#sockets.delete(session);
  }
}
