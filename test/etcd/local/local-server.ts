// Owns our whole server in this process: the router's app over one replica, in virtual time. It serves
// thousands of requests a second, for there is no network and no disk.

import { createApp } from "../../../src/http/app.ts";
import type { ReplicaNetwork, ReplicaStub } from "../../../src/http/network.ts";
import type { CallRequest, ClientSocket, HistoryHash, SocketEvents, Target } from "../target.ts";
import { answerTogether } from "../../support/gathered-answers.ts";
import { LocalReplica, REGION } from "./local-replica.ts";
import type { MemorySocket } from "./memory-socket.ts";
import { installDigestStream } from "../../support/digest-stream.ts";
import { installUpgrades, socketOf } from "./upgrades.ts";
import { VirtualTime } from "./virtual-time.ts";

const ORIGIN = "http://127.0.0.1:2379";
/** Turns of the event loop without news after which nothing is on its way. */
const SILENT_TURNS = 12;
/** Time that passes whenever all is quiet: what servers gather for a moment comes out. */
const QUIET_MS = 200;
/** Time goes on by so much at once while a call waits; it waits for hashing as well. */
const HURRY_MS = 50;

const nextTurn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
const nextMillisecond = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, 1));

export class LocalServer implements Target {
  readonly #time = new VirtualTime();
  readonly #replica: LocalReplica;
  readonly #app: ReturnType<typeof createApp>;
  readonly #errors: unknown[] = [];

  private constructor() {
    installUpgrades();
    installDigestStream();
    this.#replica = new LocalReplica(this.#time);
    this.#app = createApp({
      clock: () => this.#time.now,
      random: (size) => crypto.getRandomValues(new Uint8Array(size)),
      sleep: this.#time.sleep,
      timer: this.#time.timer,
      outlive: () => undefined,
      network: networkOf(this.#replica),
      regions: [REGION],
      token: null,
      development: true,
      reportError: (error) => this.#errors.push(error),
    });
  }

  /** A server whose replica leads. */
  static async start(): Promise<LocalServer> {
    const server = new LocalServer();
    while (server.#replica.core.status().role !== "leader") await server.pass(50);
    return server;
  }

  async send({ path, isStream = false, signal, ...init }: CallRequest): Promise<Response> {
    // No two requests come at the same moment.
    this.#goOn(this.#time.now + 1);
    const request = new Request(ORIGIN + path, { ...init, signal });
    const answered = Promise.resolve(this.#app.fetch(request));
    const response = isStream ? await answered : await this.#hurry(answered, signal);
    if (this.#errors.length > 0) throw this.#errors[0];
    return response;
  }

  async connect(
    path: string,
    protocols: readonly string[],
    { onText, onClose }: SocketEvents,
  ): Promise<ClientSocket> {
    const headers = new Headers({ Upgrade: "websocket" });
    if (protocols.length > 0) headers.set("Sec-WebSocket-Protocol", protocols.join(", "));
    const socket = socketOf(await this.#app.fetch(new Request(ORIGIN + path, { headers })));
    if (socket === null) throw new Error("the upgrade was refused");
    listen(socket, { onText, onClose });
    return { send: (text) => socket.sendIfOpen(text), close: () => socket.close(1000) };
  }

  async pass(ms: number): Promise<void> {
    const end = this.#time.now + ms;
    for (;;) {
      await this.#settle();
      const next = Math.min(this.#replica.core.deadline(), this.#time.nextWake);
      if (next > end) break;
      this.#goOn(next);
    }
    this.#goOn(end);
    await this.#settle();
  }

  async quiet(heard: () => number): Promise<void> {
    for (let count = -1; count !== heard();) {
      count = heard();
      await this.pass(QUIET_MS);
    }
  }

  hash(revision: number): Promise<HistoryHash> {
    return Promise.resolve(this.#replica.hash(revision));
  }

  stop(): Promise<void> {
    this.#replica.stop();
    return Promise.resolve();
  }

  /** Waits for an answer, letting time pass where it is waited for. */
  async #hurry<T>(answered: Promise<T>, signal: AbortSignal): Promise<T> {
    const wait = { isOver: false };
    const settled = answered.finally(() => (wait.isOver = true));
    settled.catch(() => undefined);
    for (let turn = 0; !wait.isOver && turn < SILENT_TURNS; turn++) {
      this.#replica.tick();
      await nextTurn();
    }
    while (!wait.isOver && !signal.aborted) {
      const next = Math.min(this.#replica.core.deadline(), this.#time.nextWake);
      this.#goOn(Math.min(next, this.#time.now + HURRY_MS));
      await nextMillisecond();
    }
    signal.throwIfAborted();
    return settled;
  }

  /** Lets everything happen that needs no time. */
  async #settle(): Promise<void> {
    for (let turn = 0; turn < SILENT_TURNS; turn++) {
      this.#replica.tick();
      await nextTurn();
    }
  }

  #goOn(at: number): void {
    this.#time.reach(at);
    this.#replica.tick();
  }
}

function listen(socket: MemorySocket, { onText, onClose }: SocketEvents): void {
  socket.addEventListener("message", ({ data }) => onText(data as string));
  socket.addEventListener("close", ({ code }) => onClose(code ?? 1006));
  socket.accept();
}

/** What a cluster of one never asks. */
function nobody(name: string): never {
  throw new Error(`there is no ${name} here`);
}

function networkOf(replica: LocalReplica): ReplicaNetwork {
  const stub: Partial<ReplicaStub> = {
    serve: (call) => replica.serve(call),
    serveAll: (calls) => answerTogether(calls, (call) => replica.serve(call)),
    status: async () => replica.core.status(),
    snapshotPart: async (name, cursor) => replica.snapshotPart(name, cursor),
    snapshotEnd: async (name) => replica.core.downloads.end(name),
    fetch: async () => ({ webSocket: replica.openSession() }) as unknown as Response,
  };
  const genesis = { directory: async () => replica.directory };
  return {
    replica: () => stub as ReplicaStub,
    genesis: () => genesis as unknown as ReturnType<ReplicaNetwork["genesis"]>,
    catalog: () => nobody("catalog"),
  };
}
