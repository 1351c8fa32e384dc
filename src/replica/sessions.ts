// Owns the session protocol on the replica's side: frames in, frames out, over the watch hub.

import { needOfAccesses } from "../auth/need.ts";
import { rpcErrorText } from "../api/error.ts";
import type { Header, ReplicaCall } from "../api/replica.ts";
import type { SessionIdentity } from "../api/session-identity.ts";
import {
  CLOSE_NO_LEADER,
  CLOSE_PROTOCOL,
  CLOSE_RESUME,
  SESSION_VERSION,
  type ReceiverFrame,
  type ReplicaFrame,
} from "../api/session.ts";
import type { RevisionEvents } from "../base/kv.ts";
import { SESSION_FRAMES_WAITING_MAX } from "../base/limits.ts";
import type { Refusal } from "../base/refusal.ts";
import type { Bytes, Milliseconds } from "../base/types.ts";
import { PROGRESS_MS, WatchHub } from "../watch/hub.ts";
import { intervalOfSpec } from "../watch/watcher.ts";
import type { Settle } from "./assurances.ts";
import { decodeCheckpoint, encodeCheckpoint } from "./checkpoint-codec.ts";
import type { SessionEffects } from "./effects.ts";
import type { Machine } from "./machine.ts";
import { Pipelines } from "./pipelines.ts";
import type { Service } from "./service.ts";

type WatchFrame = Extract<ReceiverFrame, { kind: "watch" }>;

/** How long a replica without a leader keeps its sessions: three election timeouts, as in etcd. */
const LEADERLESS_MS_MAX = 3_000;

const NO_EFFECTS: SessionEffects = { frames: [], checkpoints: [], closes: [], served: [] };

/** Frames that do not wait behind a watch that is in doubt: they have nothing to do with it. */
const NEVER_WAIT: readonly ReceiverFrame["kind"][] = ["ack", "request", "taken"];

export interface SessionsOptions {
  readonly machine: Machine;
  readonly header: () => Header;
  /** Serves what is asked within sessions. */
  readonly service: () => Service;
  readonly now: () => Milliseconds;
  /** How often a quiet watch that asked for it hears of progress. */
  readonly progressMs?: number | undefined;
}

/** How a session begins, or goes on after a sleep. */
export interface SessionOpening {
  /** What was kept of it; null: nothing yet. */
  readonly checkpoint: Bytes | null;
  /** Whose it is, of a client's; absent or null: the router's, whose frames say who asks. */
  readonly identity?: SessionIdentity | null;
}

/** The hub is built with the first session, so that a start without sessions pays nothing. */
export class Sessions {
  /** The requests within sessions. */
  readonly pipelines: Pipelines;
  readonly #machine: Machine;
  readonly #header: () => Header;
  readonly #assure: (settle: Settle) => void;
  /** Of sessions of clients. */
  readonly #identities = new Map<number, SessionIdentity>();
  readonly #progressMs: number;
  /**
   * Of a session, a watch that is refused by what is applied here, and the frames behind it: they wait
   * until this replica has caught up, for the token may have been issued a moment ago.
   */
  readonly #waiting = new Map<number, ReceiverFrame[]>();
  #hub: WatchHub | null = null;
  readonly #changed = new Set<number>();
  #welcomes: { session: number; frames: ReplicaFrame[] }[] = [];
  #closes: SessionEffects["closes"][number][] = [];
  #leaderlessSince: Milliseconds | null = null;

  constructor({ machine, header, service, now, progressMs = PROGRESS_MS }: SessionsOptions) {
    this.#machine = machine;
    this.#header = header;
    this.#progressMs = progressMs;
    this.#assure = (settle) => service().assure(settle, now());
    const begin = (id: number, call: ReplicaCall): void => service().begin(id, call, now());
    const resume = (id: number): void => service().resume(id, now());
    this.pipelines = new Pipelines({ begin, resume }, header);
  }

  get count(): number {
    return this.#hub?.sessionCount ?? 0;
  }

  /** How many watchers there are, and how many of them are behind. */
  watchers(): { readonly watchers: number; readonly slowWatchers: number } {
    return this.#hub?.watchers() ?? { watchers: 0, slowWatchers: 0 };
  }

  /** Begins a session; with what was kept of it, it goes on where its receiver last was. */
  open(id: number, { checkpoint, identity = null }: SessionOpening, now: Milliseconds): void {
    if (identity !== null) this.#identities.set(id, identity);
    this.pipelines.open(id, identity);
    const { store, cluster } = this.#machine;
    this.#hub ??= new WatchHub(store, {
      now,
      progressMs: this.#progressMs,
      watchesMax: () => cluster.limits.current.watches,
    });
    this.#hub.open(id, checkpoint === null ? null : decodeCheckpoint(checkpoint));
    this.#changed.add(id);
  }

  close(id: number): void {
    this.#hub?.close(id);
    this.#changed.delete(id);
    this.#waiting.delete(id);
    this.#identities.delete(id);
    this.pipelines.close(id);
  }

  receive(id: number, sent: ReceiverFrame, now: Milliseconds): void {
    const hub = this.#hub;
    if (hub === null || !hub.has(id)) return;
    const frame = this.#vouchFor(id, sent, now);
    if (frame === null) return;
    const waiting = this.#waiting.get(id);
    if (waiting === undefined || NEVER_WAIT.includes(frame.kind)) this.#take(hub, id, frame, now);
    else if (waiting.length < SESSION_FRAMES_WAITING_MAX) waiting.push(frame);
    else this.#end(id, CLOSE_RESUME, "too many frames at once: resume");
    if (hub.has(id) && hub.isOverdrawn(id)) this.#end(id, CLOSE_RESUME, "too far behind: resume");
  }

  #take(hub: WatchHub, id: number, frame: ReceiverFrame, now: Milliseconds): void {
    switch (frame.kind) {
      case "hello":
        this.#welcome(id, frame.version);
        break;
      case "watch":
        if (this.#refusalOf(frame, now) !== null) this.#doubt(hub, id, frame);
        else this.#watch(hub, id, frame, now);
        break;
      case "cancel":
        hub.cancel(id, frame.watch);
        this.#changed.add(id);
        break;
      case "progress":
        hub.reportProgress(id);
        break;
      case "ack":
        hub.acknowledge(id, frame.sequence);
        // In the midst of traffic the next quiet moment is soon enough.
        if (hub.isQuiet(id)) this.#changed.add(id);
        break;
      case "request":
        if (!this.pipelines.ask(id, frame, now)) {
          this.#end(id, CLOSE_PROTOCOL, "a request of that number is under way");
        } else if (this.pipelines.isFlooded(id)) {
          this.#end(id, CLOSE_RESUME, "answers are not taken: resume");
        }
        break;
      case "taken":
        this.pipelines.taken(id, frame.bytes);
        break;
      default:
        frame satisfies never;
    }
  }

  /**
   * The frame as it counts. Of a router's, as it is. A client's says nothing of who asks, nor that it
   * was asked before: that was found out when its session was opened, or is found out now. Null when
   * it has ended the session.
   */
  #vouchFor(id: number, frame: ReceiverFrame, now: Milliseconds): ReceiverFrame | null {
    const identity = this.#identities.get(id);
    if (identity === undefined || (frame.kind !== "watch" && frame.kind !== "request"))
      return frame;
    const { credentials, expiresAt } = identity;
    const isForged = frame.kind === "watch" && frame.credentials !== undefined;
    if (isForged) this.#end(id, CLOSE_PROTOCOL, "a client does not say who it is in a frame");
    else if (credentials === null || (expiresAt !== null && expiresAt <= now)) {
      this.#end(id, CLOSE_RESUME, "show your credentials again: resume");
    } else return frame.kind === "watch" ? { ...frame, credentials, isResumed: false } : frame;
    return null;
  }

  /** Why whoever sent the frame may not watch that, by what is applied here, or null. */
  #refusalOf(
    { spec, credentials, isResumed = false }: WatchFrame,
    now: Milliseconds,
  ): Refusal | null {
    const { auth, admission } = this.#machine;
    if (!auth.enabled || isResumed) return null;
    const need = needOfAccesses({ right: "read", interval: intervalOfSpec(spec) });
    return admission.refusalOfNeed(need, credentials, this.#machine.time(now));
  }

  #watch(hub: WatchHub, id: number, frame: WatchFrame, now: Milliseconds): void {
    this.#machine.admission.used(frame.credentials, this.#machine.time(now));
    hub.watch(id, frame.watch, frame.spec);
    this.#changed.add(id);
  }

  #doubt(hub: WatchHub, id: number, frame: WatchFrame): void {
    const waiting: ReceiverFrame[] = [];
    this.#waiting.set(id, waiting);
    this.#assure((isAssured, now) => {
      if (this.#waiting.get(id) !== waiting) return;
      this.#waiting.delete(id);
      if (!isAssured) return this.#end(id, CLOSE_RESUME, "not caught up: resume");
      const refusal = this.#refusalOf(frame, now);
      if (refusal === null) this.#watch(hub, id, frame, now);
      else hub.refuse(id, frame.watch, rpcErrorText(refusal));
      for (const next of waiting) this.#goOn(id, next, now);
    });
  }

  /** With a frame that waited, and was vouched for when it came. */
  #goOn(id: number, frame: ReceiverFrame, now: Milliseconds): void {
    const waiting = this.#waiting.get(id);
    if (waiting !== undefined) waiting.push(frame);
    else if (this.#hub?.has(id) === true) this.#take(this.#hub, id, frame, now);
  }

  /** Ends the sessions of clients: what they have asked for would be lost with this core. */
  endClients(): void {
    for (const id of this.#identities.keys()) this.#end(id, CLOSE_RESUME, "begun anew: resume");
  }

  applied(revisions: readonly RevisionEvents[]): void {
    if (revisions.length > 0) this.#hub?.applied(revisions);
  }

  compacted(): void {
    this.#hub?.compacted();
    for (const id of this.#hub?.sessionIds() ?? []) this.#changed.add(id);
  }

  /**
   * Goes on catching up. A replica that has been without a leader for long may be cut off and would
   * stay silent for ever: it ends its sessions, and their receivers resume elsewhere.
   */
  tick(now: Milliseconds, hasLeader: boolean): void {
    this.#hub?.tick(now);
    if (hasLeader) this.#leaderlessSince = null;
    else this.#leaderlessSince ??= now;
    if (this.#leaderlessSince === null || now - this.#leaderlessSince < LEADERLESS_MS_MAX) return;
    for (const id of this.#hub?.sessionIds() ?? []) {
      this.#end(id, CLOSE_NO_LEADER, "etcdserver: no leader");
    }
  }

  deadline(now: Milliseconds): Milliseconds | null {
    return this.#hub?.deadline(now) ?? null;
  }

  takeEffects(): SessionEffects {
    if (this.#hub === null) return NO_EFFECTS;
    const { term } = this.#header();
    const frames = [...this.#welcomes, ...this.pipelines.takeFrames()];
    for (const { session, deliveries } of this.#hub.takeDeliveries()) {
      const items = deliveries.map((item) => ({ kind: "delivery" as const, term, ...item }));
      frames.push({ session, frames: items });
      // A watch that ended by itself must not come back after a sleep.
      if (deliveries.some(({ delivery }) => delivery.kind === "canceled")) {
        this.#changed.add(session);
      }
    }
    const checkpoints = [...this.#changed].map((session) => ({
      session,
      checkpoint: encodeCheckpoint(this.#hub!.checkpoint(session)),
    }));
    const closes = this.#closes;
    this.#welcomes = [];
    this.#closes = [];
    this.#changed.clear();
    return { frames, checkpoints, closes, served: this.pipelines.takeServed() };
  }

  #welcome(id: number, asked: number): void {
    if (asked < 1) return this.#end(id, CLOSE_PROTOCOL, "there is no such version");
    const version = Math.min(asked, SESSION_VERSION);
    const { clusterId, memberId, term, revision } = this.#header();
    const welcome = { kind: "welcome", version, clusterId, memberId, term, revision } as const;
    this.#welcomes.push({ session: id, frames: [welcome] });
  }

  #end(id: number, code: number, reason: string): void {
    this.close(id);
    this.#closes.push({ session: id, code, reason });
  }
}
