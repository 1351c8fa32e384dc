// Owns the words of the session protocol: the one streaming protocol that a replica speaks, over a
// hibernatable WebSocket. `session-codec.ts` has the bytes.
//
//   receiver                      replica
//     | hello(version) --------------> |
//     | <------------------- welcome   |
//     | watch(7, spec) --------------> |
//     | <------ delivery(1, created 7) |
//     | <------- delivery(2, events 7) |
//     | ack(2) ----------------------> |
//
// There is no backpressure on a Durable Object's WebSocket, so "sent" is not "delivered": each
// delivery has a sequence number and costs credit until it is acknowledged; without credit the
// replica stops, reads nothing and keeps nothing. A replica that slept, or a receiver that was cut
// off, resumes each watch after the revision that was last acknowledged, and a receiver drops what
// it has seen. The text frame "ping" is answered with "pong" without waking the replica.

import type { Credentials } from "../base/auth.ts";
import type { WatchDelivery, WatchSpec } from "../base/watch.ts";
import type { ClusterId, MemberId, Revision, Term } from "../base/types.ts";

export const SESSION_VERSION = 1;
export const SESSION_PING = "ping";
export const SESSION_PONG = "pong";

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
  | { readonly kind: "ack"; readonly sequence: number };

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
    };
