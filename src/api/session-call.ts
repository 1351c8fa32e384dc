// Owns the words of requests within a session: what a client may ask for there, and what it hears.
// `session-call-codec.ts` and `session-answer-codec.ts` have the bytes.

import type { MemberId, Term } from "../base/types.ts";
import type { Refusal } from "../base/refusal.ts";
import type { GrpcCode } from "./grpc-code.ts";
import type { ClientAnswer, ClientRequest, Header, ReplicaCall } from "./replica.ts";

/**
 * Kinds of requests, in the order of their numbers on the wire, the first being 1: append, never
 * reorder. What is not here (users, members, maintenance that hashes or copies) goes by HTTP: the
 * Worker has a part in it, or a replica alone knows it, as it does what passwords are compared with.
 */
export const SESSION_REQUESTS = [
  "range",
  "put",
  "deleteRange",
  "txn",
  "compact",
  "leaseGrant",
  "leaseRevoke",
  "leaseKeepAlive",
  "leaseTimeToLive",
  "leaseLeases",
  "memberList",
  "status",
] as const;

export type SessionRequestKind = (typeof SESSION_REQUESTS)[number];
export type SessionRequest = Extract<ClientRequest, { kind: SessionRequestKind }>;

/** A request of a client. Who asks was found out when the session was opened. */
export interface SessionCall extends Omit<ReplicaCall, "credentials" | "request" | "askedAt"> {
  readonly request: SessionRequest;
}

/** Kinds of results, in the order of their numbers on the wire, the first being 1: append only. */
export const SESSION_RESULTS = [
  "range",
  "put",
  "deleteRange",
  "txn",
  "compact",
  "leaseGrant",
  "leaseRevoke",
  "leaseKeepAlive",
  "leaseTimeToLive",
  "leaseLeases",
  "members",
  "status",
] as const;

export type SessionResult = Extract<ClientAnswer, { kind: (typeof SESSION_RESULTS)[number] }>;

export type SessionAnswer =
  | { readonly kind: "answered"; readonly header: Header; readonly result: SessionResult }
  /** Refused; nothing has changed. `refusal` is null for one that this code does not know. */
  | {
      readonly kind: "refused";
      readonly header: Header;
      readonly refusal: Refusal | null;
      readonly code: GrpcCode;
      readonly message: string;
    }
  /** This replica does not lead: open another session. Nobody is known to lead if it is null. */
  | { readonly kind: "redirect"; readonly leader: MemberId | null; readonly term: Term }
  /** The write's entry was overwritten: it never happened, and may be sent again. */
  | { readonly kind: "overwritten" }
  /** No outcome in time: a write may still happen. */
  | { readonly kind: "timeout" }
  /** The replica's code does not know this kind of request: nothing has happened. */
  | { readonly kind: "unsupported" };
