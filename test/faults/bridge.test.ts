// Owns the proof that clients of gRPC are spared what happens to the store: its leader is stopped or cut off
// every few seconds, while clients of one bridge write and watch. Method: the record of all changes, as an
// undisturbed watch tells it, is held against what each client was told.
//
// Here are some rounds; `EDGEKEEPER_FAULTS_MINUTES` goes on for longer.

import { setTimeout as sleep } from "node:timers/promises";
import { status, type ServiceError } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, test } from "vitest";
import { startBridge, type Bridge } from "../../src/bridge/bridge.ts";
import type { Message } from "../../src/bridge/upstream.ts";
import { callTo, type Caller } from "../bridge/support.ts";
import type { Operation } from "../support/history.ts";
import { lab, leaderRegion } from "../support/nemesis.ts";
import { startServer, type Server } from "../support/server.ts";
import type { SeenEvent } from "../support/watcher.ts";
import { audit } from "./audit.ts";

const minutes = Number(process.env["EDGEKEEPER_FAULTS_MINUTES"] ?? 0);
const FAULTS_MS = 15_000 + minutes * 60_000;
const SCENARIO_MS_MAX = FAULTS_MS + 120_000;
const WRITERS = 8;
const KEYS = 5;
const WATCHERS = 4;

const PUT = "/etcdserverpb.KV/Put";
const WATCH = "/etcdserverpb.Watch/Watch";

const base64 = (text: string): string => Buffer.from(text).toString("base64");
const textOf = (bytes: string): string => Buffer.from(bytes, "base64").toString();

interface Evidence {
  readonly history: readonly Operation[];
  readonly errors: readonly ServiceError[];
  readonly watched: readonly (readonly SeenEvent[])[];
  /** Of streams of watches, which nothing is to end. */
  readonly ends: readonly unknown[];
  readonly faults: number;
}

interface KeyValue {
  readonly key: string;
  readonly value: string;
  readonly mod_revision: string;
}

/** One writer: puts of values that never come twice, one after another. */
async function write(
  options: { readonly caller: Caller; readonly client: number; readonly signal: AbortSignal },
  evidence: { readonly history: Operation[]; readonly errors: ServiceError[] },
): Promise<void> {
  const { caller, client, signal } = options;
  for (let count = 0; !signal.aborted; count++) {
    const key = `bridged/${count % KEYS}`;
    const value = `${client}-${count}`;
    const about = { client, key, action: { kind: "put", value }, call: performance.now() } as const;
    const note = (outcome: Operation["outcome"]): void =>
      void evidence.history.push({ ...about, outcome, return: performance.now() });
    try {
      const { header } = await caller.unary(PUT, { key: base64(key), value: base64(value) });
      const revision = Number((header as { revision: string }).revision);
      note({ kind: "ok", revision, wrote: true });
    } catch (error) {
      evidence.errors.push(error as ServiceError);
      note({ kind: "unknown" });
      await sleep(20);
    }
    await sleep(5);
  }
}

/** One stream of watches, whose events are noted as they come. */
function watchAll(caller: Caller, startRevision: number) {
  const events: SeenEvent[] = [];
  const ends: unknown[] = [];
  const call = caller.converse(WATCH);
  const created = Promise.withResolvers<void>();
  call.on("error", (error) => ends.push(error));
  call.on("data", (answer: Message) => {
    if (answer["created"] === true) created.resolve();
    for (const { kv } of (answer["events"] ?? []) as readonly { readonly kv: KeyValue }[]) {
      const { key, value, mod_revision: revision } = kv;
      events.push({ revision: Number(revision), key: textOf(key), value: textOf(value) });
    }
  });
  call.write({
    create_request: {
      key: base64("bridged/"),
      range_end: base64("bridged0"),
      start_revision: String(startRevision),
    },
  });
  const stop = (): void => {
    call.removeAllListeners("error").on("error", () => {});
    call.cancel();
  };
  return { events, ends, created: created.promise, stop };
}

async function harm(url: string): Promise<number> {
  const end = performance.now() + FAULTS_MS;
  let faults = 0;
  for (; performance.now() < end; faults++) {
    await sleep(1_500);
    const region = await leaderRegion(url);
    const isCutOff = faults % 3 === 2;
    await lab(url, region, isCutOff ? "isolate" : "abort");
    if (!isCutOff) continue;
    await sleep(1_500);
    await lab(url, region, "heal");
  }
  return faults;
}

async function observe(url: string, caller: Caller): Promise<Evidence> {
  const watchers = Array.from({ length: WATCHERS }, () => watchAll(caller, 2));
  await Promise.all(watchers.map(({ created }) => created));
  const found = { history: [] as Operation[], errors: [] as ServiceError[] };
  const over = new AbortController();
  const { signal } = over;
  const writers = Array.from({ length: WRITERS }, (_, client) =>
    write({ caller, client, signal }, found),
  );
  const faults = await harm(url).finally(() => over.abort());
  await Promise.all(writers);
  // The record: a stream of its own, of a time without faults.
  const { header } = await caller.unary(PUT, { key: base64("bridged/end"), value: base64("end") });
  const revision = Number((header as { revision: string }).revision);
  const outcome = { kind: "ok", revision, wrote: true } as const;
  const action = { kind: "put", value: "end" } as const;
  const now = performance.now();
  found.history.push({ client: 0, key: "bridged/end", action, outcome, call: now, return: now });
  const all = [watchAll(caller, 2), ...watchers];
  const giveUp = performance.now() + 60_000;
  const isThere = ({ events }: (typeof all)[number]): boolean =>
    events.some(({ value }) => value === "end");
  while (!all.every(isThere) && performance.now() < giveUp) await sleep(50);
  for (const { stop } of all) stop();
  return {
    ...found,
    watched: all.map(({ events }) => events),
    ends: all.flatMap(({ ends }) => ends),
    faults,
  };
}

describe("clients of a bridge, while the store's leaders are stopped and cut off", () => {
  let server: Server;
  let bridge: Bridge;
  let caller: Caller;
  let evidence: Evidence;

  beforeAll(async () => {
    server = await startServer();
    const endpoint = new URL(server.url);
    bridge = await startBridge({ host: "127.0.0.1", port: 0, endpoint, token: null, tls: null });
    caller = callTo(`127.0.0.1:${bridge.port}`);
    evidence = await observe(server.url, caller);
    const { history, errors, faults } = evidence;
    console.log(`${faults} faults, ${history.length} writes, ${errors.length} without an outcome`);
  }, SCENARIO_MS_MAX);

  afterAll(async () => {
    caller?.stop();
    await bridge?.stop();
    await server?.stop();
  });

  test("no acknowledged write is lost, none happens twice, and nothing else happens", ({
    expect,
  }) => {
    const { history, watched, faults } = evidence;
    expect(faults).toBeGreaterThan(3);
    expect(history.filter(({ outcome }) => outcome.kind === "ok").length).toBeGreaterThan(200);
    expect(audit(history, watched[0]!)).toEqual([]);
  });

  test("no watch ends, misses an event or sees one twice", ({ expect }) => {
    const { watched, ends } = evidence;
    expect(ends).toEqual([]);
    for (const events of watched) expect(events).toEqual(watched[0]);
  });

  test("a write in flight is unavailable at worst", ({ expect }) => {
    const others = evidence.errors.filter(({ code }) => code !== status.UNAVAILABLE);
    expect(others.map(({ message }) => message)).toEqual([]);
  });
});
