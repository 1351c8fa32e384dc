// Owns the words of the session protocol: the one streaming protocol that a replica speaks, over a
// hibernatable WebSocket. `session-codec.ts` has the bytes, `docs/session-protocol.md` the
// specification for those who implement it elsewhere.
//
//   receiver                      replica
//     | hello(version) --------------> |
//     | <------------------- welcome   |
//     | watch(7, spec) --------------> |
//     | <------ delivery(1, created 7) |
//     | <------- delivery(2, events 7) |
//     | ack(2) ----------------------> |
//     | request(1, put), request(2) -> |
//     | <------- answer(2), answer(1)  |
//     | taken(90) -------------------> |
//
// There is no backpressure on a Durable Object's WebSocket, so "sent" is not "delivered": each
// delivery has a sequence number and costs credit until it is acknowledged; without credit the
// replica stops, reads nothing and keeps nothing. A replica that slept, or a receiver that was cut
// off, resumes each watch after the revision that was last acknowledged, and a receiver drops what
// it has seen. Answers have a credit of their own, in bytes, that the receiver gives back with `taken`.
// The text frame "ping" is answered with "pong" without waking the replica.

import type { Credentials } from "../base/auth.ts";
import { ANSWER_OVERHEAD_BYTES } from "../base/limits.ts";
import type { Bytes, ClusterId, MemberId, Revision, Term } from "../base/types.ts";
import type { WatchDelivery, WatchSpec } from "../base/watch.ts";
import type { SessionCall } from "./session-call.ts";

/**
 * What this code speaks. A replica welcomes with the lower of the receiver's version and its own.
 *
 *   1  watches
 *   2  requests and their answers
 */
export const SESSION_VERSION = 2;
/** What the router says: it needs no more, and replicas of older code must welcome it. */
export const SESSION_VERSION_OF_WATCHES = 1;
export const SESSION_PING = "ping";
export const SESSION_PONG = "pong";
/**
 * How often a receiver says "ping", and after how long a silence it gives the connection up: two pings
 * without any answer, and a second of patience; ms.
 */
export const SESSION_PING_MS = 2_000;
export const SESSION_SILENCE_MS = 5_000;

/**
 * Deliveries are acknowledged at once while so many bytes have come that were not: less weighs a quarter of
 * the credit at most, however small the events are. Otherwise they wait for what is sent anyway, or for
 * so many pings: each message is paid for, and an object that has heard nothing for 10 s may fall asleep,
 * and would send them again.
 */
export const ACKNOWLEDGE_BYTES_MIN = 65_536;
export const ACKNOWLEDGE_PINGS = 4;

/** Close codes of a replica. After each the receiver may open another session and resume. */
export const CLOSE_RESUME = 4001;
export const CLOSE_NO_LEADER = 4002;
/** The receiver broke the protocol: resuming would repeat it. */
export const CLOSE_PROTOCOL = 4003;

/** From the receiver to the replica. */
export type ReceiverFrame =
  | { readonly kind: "hello"; readonly version: number }
  /** `watch` is the receiver's own number for it, unique in the session, 0 or more. */
  | {
      readonly kind: "watch";
      readonly watch: number;
      readonly spec: WatchSpec;
      /** Who watches; absent: nobody that is known. */
      readonly credentials?: Credentials;
      /**
       * It was created before, on another connection: as in etcd, who may watch is asked once. The
       * receiver is trusted with this, as it is with the names that it has read from tokens.
       */
      readonly isResumed?: boolean;
    }
  | { readonly kind: "cancel"; readonly watch: number }
  /** Asks for one progress report on all watches; unanswered while any is behind. */
  | { readonly kind: "progress" }
  /** Everything up to and including delivery `sequence` was passed on. */
  | { readonly kind: "ack"; readonly sequence: number }
  /**
   * `request` is the client's own number for it, not in use by another that is unanswered. `call` is
   * null for what this code does not know.
   */
  | {
      readonly kind: "request";
      readonly request: number;
      readonly call: SessionCall | null;
      /** Its length as it was read. */
      readonly bytes: number;
    }
  /** Answers that weigh so much were taken: the replica may send as much more. */
  | { readonly kind: "taken"; readonly bytes: number };

/** From the replica to the receiver. */
export type ReplicaFrame =
  | {
      readonly kind: "welcome";
      readonly version: number;
      readonly clusterId: ClusterId;
      readonly memberId: MemberId;
      readonly term: Term;
      readonly revision: Revision;
    }
  /** Sequences rise by one from 1 on in each connection; after a sleep they go on where they were. */
  | {
      readonly kind: "delivery";
      readonly sequence: number;
      readonly term: Term;
      readonly delivery: WatchDelivery;
    }
  /** The answer to a request, in any order; `body` is a `SessionAnswer`. */
  | { readonly kind: "answer"; readonly request: number; readonly body: Bytes };

/** What an answer costs of the credit for answers. */
export const answerWeight = (body: Bytes): number => body.length + ANSWER_OVERHEAD_BYTES;
