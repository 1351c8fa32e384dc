// Owns counting what a replica does: requests and how they end, calls to peers, commits. It decides
// nothing; what is counted is lost with the object's memory.

import { refusalError } from "../api/error.ts";
import { GRPC } from "../api/grpc-code.ts";
import type { PeerMeter, ReplicaMetrics, RequestMeter } from "../api/metrics.ts";
import type { ClientRequest, Member, ReplicaAnswer } from "../api/replica.ts";
import type { MemberId, Milliseconds } from "../base/types.ts";
import type { ServedRequest } from "../replica/effects.ts";
import { isRead } from "../replica/requests.ts";
import { DurationMeter } from "./duration-meter.ts";

/** One call to a peer that has ended; `receivedBytes` is null when it failed. */
export interface PeerCall {
  readonly ms: number;
  readonly sentBytes: number;
  readonly receivedBytes: number | null;
}

type Counted = Omit<ReplicaMetrics, "status" | "cost" | "levels">;
type Kind = ClientRequest["kind"];

interface PeerCounts {
  sentBytes: number;
  receivedBytes: number;
  failures: number;
  readonly roundTrips: DurationMeter;
}

export class Meters {
  readonly #started = new Map<Kind, number>();
  /** By kind, then code: both are short lists of the API. */
  readonly #ended = new Map<Kind, Map<number, DurationMeter>>();
  /** By region, of which there are few: its generations are one line of a dashboard. */
  readonly #peers = new Map<string, PeerCounts>();
  readonly #commits = new DurationMeter();
  #leader: MemberId | null = null;
  #leaderChanges = 0;
  #sessionsClosed = 0;
  #proposalsFailed = 0;

  requestStarted(kind: Kind): void {
    this.#started.set(kind, (this.#started.get(kind) ?? 0) + 1);
  }

  /** What was passed on to another replica, or never reached the core, is not counted as ended. */
  requestEnded(request: ClientRequest, answer: ReplicaAnswer, ms: number): void {
    const { kind } = request;
    const isOpen = answer.kind === "overwritten" || answer.kind === "timeout";
    if (isOpen && !isRead(request)) this.#proposalsFailed++;
    const code = codeOf(answer);
    if (code === null) return;
    const byCode = this.#ended.get(kind) ?? new Map<number, DurationMeter>();
    const meter = byCode.get(code) ?? new DurationMeter();
    meter.add(ms);
    this.#ended.set(kind, byCode.set(code, meter));
  }

  /** A request of a client's session has ended. */
  served({ request, answer, askedAt }: ServedRequest, now: Milliseconds): void {
    this.requestStarted(request.kind);
    this.requestEnded(request, answer, now - askedAt);
  }

  peerCalled({ region }: Pick<Member, "region">, call: PeerCall): void {
    const none = { sentBytes: 0, receivedBytes: 0, failures: 0, roundTrips: new DurationMeter() };
    const counts = this.#peers.get(region) ?? none;
    this.#peers.set(region, counts);
    counts.sentBytes += call.sentBytes;
    counts.receivedBytes += call.receivedBytes ?? 0;
    if (call.receivedBytes === null) counts.failures++;
    else counts.roundTrips.add(call.ms);
  }

  committed(ms: number): void {
    this.#commits.add(ms);
  }

  sessionClosed(): void {
    this.#sessionsClosed++;
  }

  /** Looked at after every turn: an election that ends as it began is none. */
  follow(leader: MemberId | null): void {
    if (leader === null || leader === this.#leader) return;
    this.#leader = leader;
    this.#leaderChanges++;
  }

  read(): Counted {
    return {
      leaderChanges: this.#leaderChanges,
      sessionsClosed: this.#sessionsClosed,
      commits: this.#commits.read(),
      started: [...this.#started].map(([kind, count]) => ({ kind, count })),
      ended: [...this.#ended].flatMap(([kind, byCode]) =>
        [...byCode].map(([code, meter]): RequestMeter => ({ kind, code, took: meter.read() })),
      ),
      proposalsFailed: this.#proposalsFailed,
      peers: [...this.#peers].map(([region, { roundTrips, ...counts }]): PeerMeter => ({
        region,
        ...counts,
        roundTrips: roundTrips.read(),
      })),
    };
  }
}

/** The code that the client hears, null when it hears nothing of this replica. */
function codeOf(answer: ReplicaAnswer): number | null {
  switch (answer.kind) {
    case "answered":
      return 0;
    case "refused":
      return refusalError(answer.refusal).code;
    case "timeout":
      return GRPC.deadlineExceeded;
    case "overwritten":
    case "redirect":
    case "unborn":
    case "removed":
      return null;
    default:
      return answer satisfies never;
  }
}
