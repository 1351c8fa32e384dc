// Owns the doors of a replica's Durable Object, its birth and its end. In between `host.ts` runs the
// core.

import { DurableObject } from "cloudflare:workers";
import { decodeDirectory } from "../api/directory.ts";
import type { ReplicaMetrics } from "../api/metrics.ts";
import type {
  Directory,
  LabOrder,
  Place,
  ReplicaAnswer,
  ReplicaCall,
  ReplicaCost,
  ReplicaRpc,
  ReplicaStatus,
  SnapshotDownload,
  Whereabouts,
} from "../api/replica.ts";
import type { FoundingOrder } from "../api/recovery.ts";
import { present } from "../base/assert.ts";
import { UPLOAD_PATIENCE_MS } from "../base/limits.ts";
import { accept, refuse, type Result } from "../base/result.ts";
import { asMilliseconds, asTerm, type Bytes, type LogIndex, type Term } from "../base/types.ts";
import {
  birthNonce,
  loadIdentity,
  loadRemoval,
  parseReplicaName,
  storeCertificate,
} from "./certificate.ts";
import type { Entry } from "../raft/types.ts";
import { DOOR_PATH } from "../api/session-identity.ts";
import { identityOf } from "./door.ts";
import type { Environment } from "./environment.ts";
import {
  copyPart,
  copyPosition,
  copyTail,
  type CopyPosition,
  type CopySource,
} from "./database-copy.ts";
import { foundFrom } from "./founding.ts";
import { isFilledBy, sealUpload, takePart } from "./upload.ts";
import { answerTogether, type GatheredAnswers } from "./gathered.ts";
import { Host } from "./host.ts";
import { currentLocation } from "./location.ts";
import { hasDatabase, migrate } from "./migrations.ts";
import { SqlStorage } from "./sql-storage.ts";
import { genesisStub, replicaNameOf, replicaStub } from "./stubs.ts";

/** What Genesis orders of the first replica of a rebuilt cluster. */
export interface RestoreOrder {
  readonly from: Place;
  readonly nonce: string;
  readonly bumpRevisions: number;
}

/** How often an object without a certificate asks for one, however often it is called. */
const BIRTH_PAUSE_MS = 10_000;

/** What WebSockets end with when all is well. */
const CLOSE_NORMAL = 1000;

/** An object that is no replica (yet) says so to the router, and nothing at all to peers. */
const UNBORN: ReplicaAnswer = { kind: "unborn" };

/**
 * One replica. An object that was never born writes nothing, whatever calls it; only `beBorn`, or a
 * peer that counts on it, makes it ask Genesis for its certificate. One that was removed from its
 * cluster keeps its rows, and answers nothing but that.
 */
export class Replica extends DurableObject<Environment> implements ReplicaRpc {
  readonly #sql: SqlStorage;
  #host: Host | null = null;
  /** What a removed replica names to those who call it. */
  #removal: Directory | null = null;
  #birth: Promise<void> | null = null;
  #askedAt = Number.NEGATIVE_INFINITY;
  /** Genesis has said that it certifies nothing here. */
  #isStranger = false;

  constructor(context: DurableObjectState, environment: Environment) {
    super(context, environment);
    this.#sql = new SqlStorage(context.storage);
    if (!hasDatabase(this.#sql)) return;
    migrate(this.#sql);
    this.#start();
  }

  async serve(call: ReplicaCall): Promise<ReplicaAnswer> {
    if (this.#removal !== null) return { kind: "removed", directory: this.#removal };
    return this.#host?.serve(call) ?? UNBORN;
  }

  async serveAll(calls: Bytes): Promise<GatheredAnswers> {
    return answerTogether(calls, (all) => {
      const host = this.#host;
      return host === null ? all.map((call) => this.serve(call)) : host.serveAll(all);
    });
  }

  async urge(term: Term): Promise<void> {
    this.#host?.urge(term);
  }

  async status(): Promise<ReplicaStatus | null> {
    return this.#host?.status() ?? null;
  }

  async whereabouts(): Promise<Whereabouts> {
    return { location: await currentLocation(this.env), clockMs: Date.now() };
  }

  // What a rebuilt cluster is founded with. It takes the rows only, so it does not matter whether the
  // replica runs, or was retired in the meantime.

  async copyPosition(): Promise<CopyPosition | null> {
    return hasDatabase(this.#sql) ? copyPosition(this.#sql) : null;
  }

  async copyPart(cursor: Bytes): Promise<Bytes> {
    return copyPart(this.#sql, cursor);
  }

  async copyTail(first: LogIndex): Promise<Entry[]> {
    return copyTail(this.#sql, first);
  }

  /**
   * Makes this object, which must never have been used, a copy of another, which Genesis will certify
   * by the order's nonce. Returns the revision that it begins with; or why the other cannot be copied
   * now, and then this object is as if never used.
   */
  async restore(order: RestoreOrder): Promise<Result<number, string>> {
    if (hasDatabase(this.#sql)) return refuse("the object for the copy was used before");
    try {
      migrate(this.#sql);
      birthNonce(this.#sql, () => order.nonce);
      const { cluster } = parseReplicaName(this.#name);
      const source: CopySource = replicaStub(this.env, cluster, order.from);
      const now = asMilliseconds(Date.now());
      return accept(await foundFrom(this.#sql, source, { bumpBy: order.bumpRevisions, now }));
    } catch (error) {
      await this.#empty();
      return refuse(String(error));
    }
  }

  async metrics(): Promise<ReplicaMetrics | null> {
    return this.#host === null ? null : { ...this.#host.metrics(), cost: this.#cost() };
  }

  async snapshotPart(name: string, cursor: Bytes): Promise<SnapshotDownload | null> {
    return this.#host?.snapshotPart(name, cursor) ?? null;
  }

  async snapshotEnd(name: string): Promise<void> {
    this.#host?.snapshotEnd(name);
  }

  // A replica that is filled from a file.

  async uploadPart(nonce: string, part: number, data: Bytes): Promise<Result<null, string>> {
    return this.#fill(nonce, takePart(this.#sql, { nonce, part, data }));
  }

  async uploadEnd(nonce: string): Promise<void> {
    if (isFilledBy(this.#sql, nonce)) await this.#empty();
  }

  /** Ends an upload; this object is what Genesis is about to certify, or as if never used. */
  async sealUpload(order: FoundingOrder): Promise<Result<number, string>> {
    const now = asMilliseconds(Date.now());
    return this.#fill(order.founder.nonce, sealUpload(this.#sql, order, now));
  }

  async cost(): Promise<ReplicaCost> {
    return this.#cost();
  }

  #cost(): ReplicaCost {
    const { peerCalls = 0, alarmsSet = 0 } = this.#host?.counts ?? {};
    return { rowsWritten: this.#sql.rowsWritten + alarmsSet, peerCalls };
  }

  /** Asks Genesis for the certificate, unless there is one or it was asked a moment ago. */
  async beBorn(): Promise<void> {
    if (this.#host !== null || this.#removal !== null) return;
    if (this.#birth === null && Date.now() - this.#askedAt < BIRTH_PAUSE_MS) return;
    this.#birth ??= this.#askForCertificate().finally(() => {
      this.#birth = null;
    });
    await this.#birth;
  }

  /** Lab, in development only: faults from outside. */
  async lab(order: LabOrder): Promise<void> {
    if (this.env.EDGEKEEPER_DEVELOPMENT !== "1") throw new Error("the lab is for development only");
    if (order === "abort") this.ctx.abort("lab: abort");
    else if (order === "isolate") this.#host?.isolate();
    else this.#host?.heal();
  }

  override async fetch(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === "/retire") return this.#retire(decodeDirectory(await request.text()));
    if (pathname === "/erase") return this.#erase();
    if (this.#removal !== null) return new Response("removed", { status: 410 });
    if (pathname === "/born") await this.beBorn();
    if (this.#host === null) {
      if (pathname === "/peer") this.ctx.waitUntil(this.beBorn());
      return new Response("unborn", { status: 503 });
    }
    if (pathname === "/peer") return this.#host.receive(request);
    if (pathname === "/session") return this.#host.openSession(null);
    if (pathname === DOOR_PATH) return this.#host.openSession(identityOf(request));
    if (pathname === "/open") this.#host.urge(asTerm(0));
    else if (pathname !== "/born") return new Response("no such door", { status: 404 });
    return new Response(null, { status: 204 });
  }

  override webSocketMessage(socket: WebSocket, message: ArrayBuffer | string): void {
    this.#host?.sessionMessage(socket, message);
  }

  /** The platform leaves the answer to us: without it the client waits for ten seconds. */
  override webSocketClose(socket: WebSocket): void {
    this.#host?.sessionClosed(socket);
    try {
      socket.close(CLOSE_NORMAL);
    } catch {
      // It is closed on both sides already.
    }
  }

  override webSocketError(socket: WebSocket): void {
    this.#host?.sessionClosed(socket);
  }

  /** Never throws: the platform gives an alarm up for good after six failures. */
  override async alarm(): Promise<void> {
    try {
      if (this.#host !== null) this.#host.wake();
      else if (this.#removal === null && hasDatabase(this.#sql)) await this.#giveUpload();
    } catch {
      // The host has told why and stopped the object; it sets the alarm anew when it starts.
    }
  }

  /** After each step of an upload: what is refused is dropped, and so is what nobody goes on with. */
  async #fill<T>(nonce: string, step: Result<T, string>): Promise<Result<T, string>> {
    if (step.ok) await this.ctx.storage.setAlarm(Date.now() + UPLOAD_PATIENCE_MS);
    else await this.uploadEnd(nonce);
    return step;
  }

  /** Nothing was heard of an upload for long: it is a replica if Genesis says so, or nothing. */
  async #giveUpload(): Promise<void> {
    await this.ctx.storage.setAlarm(Date.now() + UPLOAD_PATIENCE_MS);
    await this.beBorn();
    if (this.#host === null && this.#isStranger) await this.#empty();
  }

  async #empty(): Promise<void> {
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.deleteAll();
  }

  async #askForCertificate(): Promise<void> {
    this.#askedAt = Date.now();
    migrate(this.#sql);
    const nonce = birthNonce(this.#sql, () => crypto.randomUUID());
    const answer = await genesisStub(this.env, parseReplicaName(this.#name).cluster).certify(
      this.#name,
      nonce,
    );
    this.#isStranger = answer.kind !== "certified";
    if (answer.kind !== "certified") {
      console.warn(`${this.#name}: Genesis issues no certificate (${answer.kind})`);
      // Peers that do not know that their cluster is no more may ask an object that was emptied.
      if (answer.kind === "stranger") await this.ctx.storage.deleteAll();
      return;
    }
    storeCertificate(this.#sql, answer.certificate);
    this.#start();
  }

  /** An object that was never born is not a replica either way: Genesis will not certify it. */
  async #retire(directory: Directory): Promise<Response> {
    // A certificate that is on its way was issued before.
    await this.#birth;
    this.#host?.end(directory);
    return new Response(null, { status: 204 });
  }

  /** Its cluster was deleted: what is left is an object that was never used, without an alarm. */
  async #erase(): Promise<Response> {
    await this.#birth;
    this.#host?.end();
    await this.ctx.storage.deleteAll();
    this.#removal = null;
    return new Response(null, { status: 204 });
  }

  #start(): void {
    this.#removal = loadRemoval(this.#sql);
    const identity = loadIdentity(this.#sql);
    if (identity === null || this.#removal !== null) return;
    const { cluster, region } = parseReplicaName(this.#name);
    const host = new Host({
      context: this.ctx,
      environment: this.env,
      sql: this.#sql,
      cluster,
      region,
      identity,
      onRemoved: (directory) => {
        this.#removal = directory;
        this.#host = null;
      },
    });
    // It may have ended while it started.
    if (this.#removal === null) this.#host = host;
  }

  get #name(): string {
    return replicaNameOf(present(this.ctx.id.name, "a replica is reached by its name"));
  }
}
