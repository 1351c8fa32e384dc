// Owns a whole cluster in one process and in virtual time: real replica cores over node:sqlite, with
// a network that delivers at once unless told otherwise. What the Durable Object shell does with
// timers and promises, this does with a loop.

import type {
  ClientRequest,
  Freshness,
  Member,
  ReplicaAnswer,
  ReplicaStatus,
} from "../../src/api/replica.ts";
import type { ReceiverFrame, ReplicaFrame } from "../../src/api/session.ts";
import type { SessionIdentity } from "../../src/api/session-identity.ts";
import type { Credentials } from "../../src/base/auth.ts";
import {
  asClusterId,
  asIncarnation,
  asMemberId,
  asMilliseconds,
  type Bytes,
  type MemberId,
  type Term,
} from "../../src/base/types.ts";
import { CODE_VERSION } from "../../src/base/versions.ts";
import type { Timing } from "../../src/raft/node.ts";
import { decodeMessages, encodeMessages } from "../../src/raft/message-codec.ts";
import { ReplicaCore, type Identity } from "../../src/replica/core.ts";
import type { Effects } from "../../src/replica/effects.ts";
import { insertMeta, openNodeSql, type NodeSql } from "./node-sql.ts";

interface Node {
  readonly id: MemberId;
  readonly identity: Identity;
  readonly sql: NodeSql;
  core: ReplicaCore;
  incarnation: number;
  /** Nothing reaches it, and nothing it says reaches anyone. */
  isCut: boolean;
  /** It has learnt that it was removed. */
  isRemoved: boolean;
  codeVersion: number;
  /** Whom it can call: the members, as far as it has applied. */
  links: readonly MemberId[];
}

export interface VirtualClusterOptions {
  readonly timing?: Partial<Timing>;
  readonly codeVersion?: number;
  /** How often quiet watches hear of progress. */
  readonly progressMs?: number;
}

/** How long a call to a peer that is cut off takes to fail. */
const CALL_MS = 1_500;

export class VirtualCluster {
  readonly nodes: Node[] = [];
  readonly answers = new Map<number, ReplicaAnswer>();
  readonly frames = new Map<number, ReplicaFrame[]>();
  readonly checkpoints = new Map<number, Bytes>();
  readonly closes = new Map<number, number>();
  /** Every call between replicas, in the order in which they were made. */
  readonly calls: { readonly at: number; readonly from: MemberId; readonly to: MemberId }[] = [];
  readonly #cutLinks = new Set<string>();
  #queue: { at: number; run: () => void }[] = [];
  #now = 1_000_000;
  #lastCall = 0;
  #lastRequest = 0;

  readonly #options: VirtualClusterOptions;

  constructor(size: number, options: VirtualClusterOptions = {}) {
    this.#options = options;
    const ids = Array.from({ length: size }, (_, n) => asMemberId(BigInt(n + 1)));
    const directory = {
      clusterId: asClusterId(99n),
      members: ids.map((id) => ({ id, region: `region-${id}`, generation: 1 })),
    };
    const configuration = { voters: ids, outgoing: [], learners: [] };
    for (const id of ids) this.#open({ memberId: id, directory, configuration });
    for (const node of this.nodes) this.#perform(node);
  }

  /** An object that was just born for `region`, as the leader's object would have it born. */
  join(region: string): Member {
    const { directory } = this.leader()!.core;
    const member = {
      id: asMemberId(BigInt(this.nodes.length + 1)),
      region,
      generation: this.leader()!.core.nextGeneration(region),
    };
    const configuration = { voters: [], outgoing: [], learners: [] };
    this.#perform(this.#open({ memberId: member.id, directory, configuration }));
    return member;
  }

  get now(): number {
    return this.#now;
  }

  node(id: number | MemberId): Node {
    return this.nodes.find((node) => node.id === BigInt(id))!;
  }

  leader(): Node | null {
    const leaders = this.nodes.filter(
      (node) => !node.isCut && !node.isRemoved && node.core.status().role === "leader",
    );
    return leaders.toSorted((a, b) => b.core.status().term - a.core.status().term)[0] ?? null;
  }

  statuses(): ReplicaStatus[] {
    return this.nodes.map((node) => node.core.status());
  }

  /** Lets `ms` of virtual time pass. */
  run(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const event = this.#nextEvent();
      const running = this.nodes.filter((node) => !node.isRemoved);
      const tick = Math.min(...running.map((node) => node.core.deadline()));
      const at = Math.min(event?.at ?? Infinity, tick);
      if (at > end) break;
      this.#now = Math.max(this.#now, at);
      if (event !== null && event.at <= tick) {
        this.#queue.splice(this.#queue.indexOf(event), 1);
        event.run();
      } else this.#tickDue();
    }
    this.#now = end;
  }

  /** Runs until `condition`, for `ms` at most; returns whether it came true. */
  runUntil(condition: () => boolean, ms = 10_000): boolean {
    for (let passed = 0; passed < ms && !condition(); passed += 5) this.run(5);
    return condition();
  }

  /** Asks `node`; the answer appears in `answers` under the returned id. */
  ask(
    node: Node,
    request: ClientRequest,
    options: {
      requestId?: Bytes;
      idempotencyKey?: string;
      timeoutMs?: number;
      freshness?: Freshness;
      credentials?: Credentials;
    } = {},
  ): number {
    const id = ++this.#lastCall;
    const { requestId = this.requestId(), timeoutMs = 5_000, ...rest } = options;
    const call = { request, requestId, trace: "", timeoutMs, ...rest };
    node.core.calls([[id, call]], asMilliseconds(this.#now));
    this.#perform(node);
    return id;
  }

  /** Asks the leader, waiting for one, and runs until the answer. */
  serve(
    request: ClientRequest,
    options: {
      readonly requestId?: Bytes;
      readonly idempotencyKey?: string;
      readonly credentials?: Credentials;
    } = {},
  ): ReplicaAnswer {
    this.runUntil(() => this.leader() !== null);
    const id = this.ask(this.leader()!, request, options);
    this.runUntil(() => this.answers.has(id));
    return this.answers.get(id)!;
  }

  requestId(): Bytes {
    const id = new Uint8Array(16);
    new DataView(id.buffer).setUint32(0, ++this.#lastRequest);
    return id;
  }

  /** Memory and timers are gone; what is in the database stays. */
  restart(node: Node, codeVersion = node.codeVersion): void {
    node.incarnation++;
    node.codeVersion = codeVersion;
    node.core = this.#start(node);
    node.links = linksOf(node.core);
    this.#perform(node);
  }

  /** The router's leave to campaign. */
  urge(node: Node, term: Term): void {
    node.core.urge(term, asMilliseconds(this.#now));
    this.#perform(node);
  }

  /** From now on nothing that `from` says reaches `to`, for ever; answers to `to`'s calls neither. */
  cutLink(from: Node, to: Node): void {
    this.#cutLinks.add(`${from.id}>${to.id}`);
  }

  openSession(
    node: Node,
    session: number,
    checkpoint: Bytes | null = null,
    identity: SessionIdentity | null = null,
  ): void {
    node.core.openSession(session, { checkpoint, identity }, asMilliseconds(this.#now));
    this.#perform(node);
  }

  /** The frames of one message. */
  sendFrame(node: Node, session: number, ...frames: ReceiverFrame[]): void {
    node.core.sessionFrames(session, frames, asMilliseconds(this.#now));
    this.#perform(node);
  }

  #open(identity: Identity): Node {
    const sql = openNodeSql();
    insertMeta(sql);
    const { codeVersion = CODE_VERSION } = this.#options;
    const life = { identity, sql, incarnation: 1, codeVersion };
    const state = { id: identity.memberId, isCut: false, isRemoved: false };
    const core = this.#start(life);
    const node = { ...life, ...state, core, links: linksOf(core) };
    this.nodes.push(node);
    return node;
  }

  #start(options: Pick<Node, "identity" | "sql" | "incarnation" | "codeVersion">): ReplicaCore {
    return new ReplicaCore({
      timing: this.#options.timing ?? {},
      ...(this.#options.progressMs === undefined ? {} : { progressMs: this.#options.progressMs }),
      codeVersion: options.codeVersion,
      identity: options.identity,
      sql: options.sql,
      incarnation: asIncarnation(options.incarnation),
      seed: Number(options.identity.memberId) * 7_919 + options.incarnation,
      now: asMilliseconds(this.#now),
    });
  }

  /** The leader's object tells the one that was removed, if it can reach it. */
  #retire(id: MemberId): void {
    const removed = this.nodes.find((node) => node.id === id);
    if (removed !== undefined && !removed.isCut) removed.isRemoved = true;
  }

  #nextEvent(): { at: number; run: () => void } | null {
    let next: { at: number; run: () => void } | null = null;
    for (const event of this.#queue) if (next === null || event.at < next.at) next = event;
    return next;
  }

  #tickDue(): void {
    for (const node of this.nodes) {
      if (node.isRemoved || node.core.deadline() > this.#now) continue;
      node.core.tick(asMilliseconds(this.#now));
      this.#perform(node);
    }
  }

  #perform(node: Node): void {
    const { core } = node;
    const effects: Effects = core.takeEffects();
    const isCurrent = (): boolean => node.core === core;
    for (const { to, messages } of effects.sends) {
      if (!node.links.includes(to)) continue;
      const body = encodeMessages(messages);
      this.calls.push({ at: this.#now, from: node.id, to });
      this.#queue.push({ at: this.#now, run: () => this.#call({ node, to, body, isCurrent }) });
    }
    if (effects.membership !== null) node.links = linksOf(core);
    for (const { call, answer } of effects.answers) this.answers.set(call, answer);
    for (const { session, frames } of effects.frames) {
      this.frames.set(session, [...(this.frames.get(session) ?? []), ...frames]);
    }
    for (const { session, checkpoint } of effects.checkpoints) {
      this.checkpoints.set(session, checkpoint);
    }
    for (const { session, code } of effects.closes) this.closes.set(session, code);
    for (const { id } of effects.settled?.removed ?? []) this.#retire(id);
    if (effects.isRemoved) node.isRemoved = true;
    if (effects.restart && !node.isRemoved) return this.restart(node);
    if (!effects.awaitsDurable) return;
    this.#queue.push({
      at: this.#now + 1,
      run: () => {
        if (!isCurrent()) return;
        core.durable(asMilliseconds(this.#now));
        this.#perform(node);
      },
    });
  }

  #call(options: { node: Node; to: MemberId; body: Bytes; isCurrent: () => boolean }): void {
    const { node, to, body, isCurrent } = options;
    const peer = this.nodes.find(({ id }) => id === to);
    const isLost = this.#cutLinks.has(`${node.id}>${to}`);
    if (isLost || peer === undefined || node.isCut || peer.isCut || peer.isRemoved) {
      const fail = (): void => {
        if (!isCurrent()) return;
        node.core.peerFailed(to, asMilliseconds(this.#now));
        this.#perform(node);
      };
      this.#queue.push({ at: this.#now + CALL_MS, run: fail });
      return;
    }
    const answer = peer.core.peer(decodeMessages(body), asMilliseconds(this.#now));
    const answerBody = encodeMessages(answer);
    this.#perform(peer);
    const receive = (): void => {
      const isLostBack = this.#cutLinks.has(`${to}>${node.id}`);
      if (isLostBack || !isCurrent() || node.isCut || node.isRemoved) return;
      node.core.peerAnswered(decodeMessages(answerBody), asMilliseconds(this.#now));
      this.#perform(node);
    };
    this.#queue.push({ at: this.#now + 1, run: receive });
  }
}

const linksOf = ({ directory }: ReplicaCore): MemberId[] => directory.members.map(({ id }) => id);
