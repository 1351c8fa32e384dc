// Owns counting what the reference workloads do, as they are run here for a while: what they write, call
// and send, and how long they keep replicas awake. `costs/` makes a bill of it.

import { setTimeout as sleep } from "node:timers/promises";
import { encodeUtf8 } from "../../../src/base/bytes.ts";
import { asLeaseId } from "../../../src/base/types.ts";
import type { ClientPlatform } from "../../../src/client/platform.ts";
import { Session } from "../../../src/client/session.ts";
import { put, watchOf } from "../../support/requests.ts";
import type { Counted } from "../costs/bill.ts";
import { SOCKET_PLATFORM } from "../doors/socket-platform.ts";
import { inParallel } from "../steps.ts";
import { startEdgekeeper, type EdgekeeperSystem } from "../systems/edgekeeper.ts";
import { keyOf, VALUE_BYTES } from "../workloads.ts";
import { databaseBytes, readCounters, since } from "./counters.ts";
import { folderFor, withSystem, type StudyContext } from "./study.ts";

interface Reference {
  readonly name: string;
  readonly title: string;
  readonly seconds: number;
  /** Clients that stay connected. */
  readonly sockets: number;
  /** Makes everything ready; what it does is not counted. */
  readonly prepare: (stage: Stage) => Promise<void>;
  /** Runs until `over` aborts. */
  readonly play: (stage: Stage, over: AbortSignal) => Promise<void>;
}

interface Stage {
  readonly system: EdgekeeperSystem;
  /** Of all that a workload has, in a quick look a tenth. */
  readonly share: number;
  /** Another session, whose messages are counted. */
  open(options?: { readonly any?: boolean }): Session;
  readonly sessions: readonly Session[];
}

const VALUE = new Uint8Array(VALUE_BYTES).fill(0x61);
const FLAG_WATCHERS = 5_000;
const FLAG_WRITE_MS = 6_000;
const INSTANCES = 500;
const INSTANCE_TTL_SECONDS = 30;
/** As clients do: three times in a TTL. */
const KEEPALIVE_MS = (INSTANCE_TTL_SECONDS * 1_000) / 3;
const BUSY_PUT_MS = 10;
const BUSY_KEYS = 1_000;
const SAMPLE_MS = 200;

const REFERENCES: readonly Reference[] = [
  {
    name: "flags",
    title: "Flags: 10 writes a minute, 5,000 watchers",
    seconds: 60,
    sockets: FLAG_WATCHERS,
    prepare: async (stage) => {
      await inParallel(FLAG_WATCHERS * stage.share, () => watching(stage.open({ any: true })));
      stage.open();
    },
    play: (stage, over) =>
      each(FLAG_WRITE_MS, over, (number) =>
        stage.sessions.at(-1)!.ask(put(encodeUtf8(keyOf(number % 10)), VALUE)),
      ),
  },
  {
    name: "discovery",
    title: "Discovery: 500 instances with leases of 30 s",
    seconds: 60,
    sockets: INSTANCES,
    prepare: (stage) =>
      inParallel(INSTANCES, async (number) => {
        const lease = asLeaseId(BigInt(number + 1));
        const session = stage.open();
        await session.ask({ kind: "leaseGrant", id: lease, ttlSeconds: INSTANCE_TTL_SECONDS });
        await session.ask(put(encodeUtf8(keyOf(number)), VALUE, lease));
      }),
    play: (stage, over) =>
      each(KEEPALIVE_MS / INSTANCES, over, (turn) => {
        const number = turn % INSTANCES;
        const id = asLeaseId(BigInt(number + 1));
        return stage.sessions[number]!.ask({ kind: "leaseKeepAlive", id });
      }),
  },
  {
    name: "busy",
    title: "Busy: 100 puts per second",
    seconds: 60,
    sockets: 1,
    prepare: async (stage) => {
      const session = stage.open();
      await inParallel(BUSY_KEYS, (number) => session.ask(put(encodeUtf8(keyOf(number)), VALUE)));
      await stage.system.compact?.();
    },
    play: async (stage, over) => {
      await each(BUSY_PUT_MS, over, (number) =>
        stage.sessions[0]!.ask(put(encodeUtf8(keyOf(number % BUSY_KEYS)), VALUE)),
      );
      // What it wrote is paid for again when it is compacted away.
      await stage.system.compact?.();
      await sleep(COMPACTION_MS);
    },
  },
];

/** Long enough for the slices of a compaction of a minute's puts. */
const COMPACTION_MS = 2_000;

export async function countReferences(context: StudyContext): Promise<Counted[]> {
  const counted: Counted[] = [];
  for (const reference of REFERENCES) counted.push(await count(reference, context));
  return counted;
}

async function count(reference: Reference, context: StudyContext): Promise<Counted> {
  const starting = startEdgekeeper({ folder: folderFor(context, reference.name) });
  return withSystem(starting, async (system) => {
    const traffic = new Traffic();
    const sessions: Session[] = [];
    const open = ({ any = false } = {}): Session => {
      const session = new Session({ url: system.url, any, platform: traffic.platform });
      sessions.push(session);
      return session;
    };
    const stage: Stage = { system, sessions, open, share: context.isQuick ? 0.1 : 1 };
    await reference.prepare(stage);
    await sleep(2_000);
    const begun = traffic.messages;
    const before = await readCounters(system.url);
    const awake = new AwakeMeter(system.url);
    const seconds = context.isQuick ? 6 : reference.seconds;
    const over = AbortSignal.timeout(seconds * 1_000);
    await reference.play(stage, over);
    const awakeShare = await awake.end();
    const replicas = since(before, await readCounters(system.url));
    for (const session of sessions) session.close();
    const total = (read: (replica: (typeof replicas)[number]) => number): number =>
      replicas.reduce((sum, replica) => sum + read(replica), 0);
    return {
      name: reference.name,
      title: reference.title,
      seconds,
      rowsWritten: total(({ rows }) => rows),
      peerCalls: total(({ calls }) => calls),
      sockets: reference.sockets,
      clientMessages: traffic.messages - begun,
      awakeSeconds: awakeShare * replicas.length * seconds,
      storedBytes: await databaseBytes(system.url),
    };
  });
}

async function watching(session: Session): Promise<void> {
  const created = Promise.withResolvers<void>();
  const spec = watchOf(encodeUtf8("k"), { rangeEnd: encodeUtf8("l") });
  session.watch(spec, ({ kind }) => {
    if (kind === "created") created.resolve();
  });
  await created.promise;
}

/** Begins a turn every so many milliseconds, without drifting, until `over` aborts; waits for all. */
async function each(
  everyMs: number,
  over: AbortSignal,
  turn: (number: number) => Promise<unknown>,
): Promise<void> {
  const begun = performance.now();
  const turns: Promise<unknown>[] = [];
  for (let number = 0; !over.aborted; number++) {
    const taken = turn(number);
    // What fails is told at the end: until then nobody listens.
    taken.catch(() => undefined);
    turns.push(taken);
    const due = begun + (number + 1) * everyMs;
    await sleep(Math.max(0, due - performance.now()), null, { signal: over }).catch(() => null);
  }
  await Promise.all(turns);
}

/** What clients send, as the platform counts it. */
class Traffic {
  messages = 0;
  readonly platform: ClientPlatform = {
    ...SOCKET_PLATFORM,
    connect: (url, protocols) => {
      const socket = SOCKET_PLATFORM.connect(url, protocols);
      const send = socket.send.bind(socket);
      socket.send = (message) => {
        // Pings are text, and answered without waking the object.
        if (typeof message !== "string") this.messages++;
        send(message);
      };
      return socket;
    },
  };
}

/** Which share of the time replicas are awake, by asking now and then. */
class AwakeMeter {
  readonly #url: string;
  readonly #over = new AbortController();
  readonly #running: Promise<void>;
  #asked = 0;
  #awake = 0;

  constructor(url: string) {
    this.#url = url;
    this.#running = this.#run();
  }

  async end(): Promise<number> {
    this.#over.abort();
    await this.#running;
    return this.#awake / this.#asked;
  }

  async #run(): Promise<void> {
    const { signal } = this.#over;
    while (!signal.aborted) {
      // One question among many that is not answered leaves a gap, and no more.
      for (const { asleep } of await readCounters(this.#url).catch(() => [])) {
        this.#asked++;
        if (!asleep) this.#awake++;
      }
      await sleep(SAMPLE_MS, null, { signal }).catch(() => null);
    }
  }
}
