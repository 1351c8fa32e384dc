// Owns the only replica of a cluster of one, in this process: what the Durable Object shell does with
// timers, this does whenever it is told the time.

import type { ReplicaAnswer, ReplicaCall, SnapshotDownload } from "../../../src/api/replica.ts";
import { decodeReceiverFrames, encodeReplicaFrames } from "../../../src/api/session-codec.ts";
import { SESSION_PING } from "../../../src/api/session.ts";
import { asClusterId, asIncarnation, asMemberId, asMilliseconds } from "../../../src/base/types.ts";
import type { Bytes, Milliseconds } from "../../../src/base/types.ts";
import { hashKv } from "../../../src/mvcc/hash-kv.ts";
import { Store } from "../../../src/mvcc/store.ts";
import { ReplicaCore } from "../../../src/replica/core.ts";
import { insertMeta, openNodeSql, type NodeSql } from "../../support/node-sql.ts";
import type { HistoryHash } from "../target.ts";
import { MemorySocket } from "./memory-socket.ts";
import type { VirtualTime } from "./virtual-time.ts";

export const REGION = "wnam";
const ID = asMemberId(4_099_276_460_824_344_806n);
const DIRECTORY = {
  clusterId: asClusterId(2_037_210_783_374_497_686n),
  members: [{ id: ID, region: REGION, generation: 1 }],
};

export class LocalReplica {
  readonly #time: VirtualTime;
  readonly #sql: NodeSql;
  readonly #core: ReplicaCore;
  readonly #waiting = new Map<number, (answer: ReplicaAnswer) => void>();
  readonly #sockets = new Map<number, MemorySocket>();
  #lastId = 0;
  #isStopped = false;

  constructor(time: VirtualTime) {
    this.#time = time;
    this.#sql = openNodeSql();
    insertMeta(this.#sql);
    this.#core = new ReplicaCore({
      identity: {
        memberId: ID,
        directory: DIRECTORY,
        configuration: { voters: [ID], outgoing: [], learners: [] },
      },
      sql: this.#sql,
      incarnation: asIncarnation(1),
      seed: 1,
      now: this.#now(),
      timing: {},
    });
    this.#perform();
  }

  get directory(): typeof DIRECTORY {
    return DIRECTORY;
  }

  get core(): ReplicaCore {
    return this.#core;
  }

  serve(call: ReplicaCall): Promise<ReplicaAnswer> {
    const { promise, resolve } = Promise.withResolvers<ReplicaAnswer>();
    const id = ++this.#lastId;
    this.#waiting.set(id, resolve);
    this.#core.calls([[id, call]], this.#now());
    this.#perform();
    return promise;
  }

  /** The receiver's end of a new session. */
  openSession(): MemorySocket {
    const [receiver, replica] = MemorySocket.pair();
    const session = ++this.#lastId;
    this.#sockets.set(session, replica);
    replica.addEventListener("message", ({ data }) => this.#hear(session, data));
    replica.addEventListener("close", () => {
      if (!this.#sockets.delete(session) || this.#isStopped) return;
      this.#core.closeSession(session);
    });
    replica.accept();
    this.#core.openSession(session, { checkpoint: null }, this.#now());
    this.#perform();
    return receiver;
  }

  snapshotPart(name: string, cursor: Bytes): SnapshotDownload | null {
    const part = this.#core.downloads.part(name, cursor, this.#now());
    this.#perform();
    return part === null ? null : { ...part, databaseBytes: this.#sql.size().total };
  }

  /** Does what is due. */
  tick(): void {
    if (this.#isStopped || this.#core.deadline() > this.#time.now) return;
    this.#core.tick(this.#now());
    this.#perform();
  }

  hash(revision: number): HistoryHash {
    const hash = hashKv(this.#sql, new Store(this.#sql), revision);
    if (!hash.ok) throw new Error(`no hash of revision ${revision}: ${hash.error}`);
    return { hash: hash.value.hash, compactRevision: hash.value.compactRevision };
  }

  stop(): void {
    this.#isStopped = true;
    this.#sql.close();
  }

  #now(): Milliseconds {
    return asMilliseconds(this.#time.now);
  }

  #hear(session: number, data: unknown): void {
    if (this.#isStopped || !this.#sockets.has(session)) return;
    if (data === SESSION_PING) return this.#sockets.get(session)!.send("pong");
    const frames = decodeReceiverFrames(new Uint8Array(data as ArrayBuffer));
    this.#core.sessionFrames(session, frames, this.#now());
    this.#perform();
  }

  #perform(): void {
    const effects = this.#core.takeEffects();
    for (const { call, answer } of effects.answers) {
      this.#waiting.get(call)!(answer);
      this.#waiting.delete(call);
    }
    for (const { session, frames } of effects.frames) {
      const socket = this.#sockets.get(session);
      if (socket?.readyState === WebSocket.OPEN) socket.send(encodeReplicaFrames(frames));
    }
    for (const { session, code } of effects.closes) {
      this.#sockets.get(session)?.close(code);
      this.#sockets.delete(session);
    }
    if (effects.awaitsDurable) queueMicrotask(() => this.#confirm());
  }

  #confirm(): void {
    if (this.#isStopped) return;
    this.#core.durable(this.#now());
    this.#perform();
  }
}
