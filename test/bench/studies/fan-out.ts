// Owns the fan-out of watches: one key that changes, a thousand sockets that hear of it.

import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import { encodeUtf8 } from "../../../src/base/bytes.ts";
import { Session } from "../../../src/client/session.ts";
import { watchOf } from "../../support/requests.ts";
import { openChannel, type Answer } from "../doors/grpc.ts";
import { SOCKET_PLATFORM } from "../doors/socket-platform.ts";
import type { Connection } from "../doors/door.ts";
import { ascending, quantile, spreadOf, type Spread } from "../statistics.ts";
import { startBare } from "../systems/bare.ts";
import { startEdgekeeper } from "../systems/edgekeeper.ts";
import { startEtcd } from "../systems/etcd.ts";
import type { System } from "../systems/system.ts";
import { inParallel } from "../steps.ts";
import { keyOf, VALUE_BYTES } from "../workloads.ts";
import { folderFor, type StudyContext } from "./study.ts";

export interface FanOut {
  readonly system: string;
  readonly sockets: number;
  /** From sending the put until so many had heard: of each event, and then over all events. */
  readonly p50Ms: Spread;
  readonly p99Ms: Spread;
  readonly lastMs: Spread;
  /** By event, for ratios. */
  readonly lasts: readonly number[];
}

const KEY = keyOf(0);
const SETTLE_MS = 200;
const HEARD_MS_MAX = 30_000;
/** gRPC streams that share a connection. */
const STREAMS_PER_CHANNEL = 100;

/** A thousand watchers of one system; `heard` is called for each event at each of them. */
interface Audience {
  readonly system: System;
  readonly name: string;
  /** Waits for all of them to watch. */
  gather(count: number, heard: () => void): Promise<void>;
  dismiss(): void;
}

export async function studyFanOut(context: StudyContext): Promise<FanOut[]> {
  const sockets = context.isQuick ? 200 : 1_000;
  const audiences = await startAudiences(context);
  try {
    const theatres: Theatre[] = [];
    for (const audience of audiences) theatres.push(await Theatre.open(audience, sockets));
    const events = context.isQuick ? 5 : 40;
    for (let event = 0; event < events; event++) {
      for (const theatre of theatres) await theatre.play();
    }
    return theatres.map((theatre) => theatre.figures());
  } finally {
    for (const audience of audiences) audience.dismiss();
    await Promise.all(audiences.map(({ system }) => system.stop()));
  }
}

async function startAudiences(context: StudyContext): Promise<Audience[]> {
  const edgekeeper = await startEdgekeeper({ folder: folderFor(context, "edgekeeper") });
  const bare = await startBare({ folder: folderFor(context, "bare") });
  const audiences = [sessionAudience(edgekeeper, edgekeeper.url), bareAudience(bare, bare.url)];
  if (context.etcd !== null) {
    const etcd = await startEtcd(context.etcd, { folder: folderFor(context, "etcd") });
    audiences.push(grpcAudience(etcd, etcd.url.replace("http://", "")));
  }
  return audiences;
}

/** One audience, and what it has heard. */
class Theatre {
  readonly #audience: Audience;
  readonly #sockets: number;
  readonly #writer: Connection;
  readonly #p50s: number[] = [];
  readonly #p99s: number[] = [];
  readonly #lasts: number[] = [];
  #begun = 0;
  #arrivals: number[] = [];
  #complete = Promise.withResolvers<void>();

  private constructor(audience: Audience, sockets: number, writer: Connection) {
    this.#audience = audience;
    this.#sockets = sockets;
    this.#writer = writer;
  }

  static async open(audience: Audience, sockets: number): Promise<Theatre> {
    const writer = await audience.system.doors[0]!.open(1);
    const theatre = new Theatre(audience, sockets, writer);
    await audience.gather(sockets, () => theatre.#heard());
    return theatre;
  }

  /** One event, and all have heard of it. */
  async play(): Promise<void> {
    await sleep(SETTLE_MS);
    this.#arrivals = [];
    this.#complete = Promise.withResolvers();
    const patience = setTimeout(
      () => this.#complete.reject(new Error(`${this.#audience.name}: not all have heard`)),
      HEARD_MS_MAX,
    );
    this.#begun = performance.now();
    await this.#writer.put(KEY, "e".repeat(VALUE_BYTES));
    await this.#complete.promise;
    clearTimeout(patience);
    const sorted = ascending(this.#arrivals);
    this.#p50s.push(quantile(sorted, 0.5));
    this.#p99s.push(quantile(sorted, 0.99));
    this.#lasts.push(quantile(sorted, 1));
  }

  figures(): FanOut {
    return {
      system: this.#audience.name,
      sockets: this.#sockets,
      p50Ms: spreadOf(this.#p50s),
      p99Ms: spreadOf(this.#p99s),
      lastMs: spreadOf(this.#lasts),
      lasts: this.#lasts,
    };
  }

  #heard(): void {
    this.#arrivals.push(performance.now() - this.#begun);
    if (this.#arrivals.length === this.#sockets) this.#complete.resolve();
  }
}

function sessionAudience(system: System, url: string): Audience {
  const sessions: Session[] = [];
  return {
    system,
    name: "Edgekeeper, session",
    gather: (count, heard) =>
      inParallel(count, async () => {
        const session = new Session({ url, any: true, platform: SOCKET_PLATFORM });
        sessions.push(session);
        const created = Promise.withResolvers<void>();
        session.watch(watchOf(encodeUtf8(KEY)), (delivery) => {
          if (delivery.kind === "created") created.resolve();
          else if (delivery.kind === "events") heard();
        });
        await created.promise;
      }),
    dismiss: () => {
      for (const session of sessions) session.close();
    },
  };
}

function bareAudience(system: System, url: string): Audience {
  const sockets: WebSocket[] = [];
  return {
    system,
    name: "bare object",
    gather: (count, heard) =>
      inParallel(count, async () => {
        const socket = new WebSocket(`${url.replace("http", "ws")}/watch`, {
          perMessageDeflate: false,
        });
        sockets.push(socket);
        await new Promise((resolve, reject) => {
          socket.once("open", resolve);
          socket.once("error", reject);
        });
        socket.on("message", (text: Buffer) => {
          JSON.parse(text.toString());
          heard();
        });
      }),
    dismiss: () => {
      for (const socket of sockets) socket.terminate();
    },
  };
}

function grpcAudience(system: System, address: string): Audience {
  const channels: ReturnType<typeof openChannel>[] = [];
  return {
    system,
    name: "etcd, gRPC",
    gather: (count, heard) =>
      inParallel(count, async (number) => {
        if (number % STREAMS_PER_CHANNEL === 0) channels.push(openChannel(address));
        const stream = channels.at(-1)!.converse("Watch", "Watch");
        const created = Promise.withResolvers<void>();
        stream.on("data", (answer: Answer) => {
          if (answer.created === true) created.resolve();
          else if ((answer.events?.length ?? 0) > 0) heard();
        });
        // All streams end with their channel.
        stream.on("error", created.reject);
        stream.write({ create_request: { key: Buffer.from(KEY) } });
        await created.promise;
      }),
    dismiss: () => {
      for (const channel of channels) channel.close();
    },
  };
}
