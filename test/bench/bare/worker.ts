// Owns what a user would write instead of Edgekeeper: one Durable Object that stores a row per put, in
// one place, and tells its WebSockets. Beside it the floors: an empty Worker, and an empty call.

import { DurableObject } from "cloudflare:workers";
import { keyOf, VALUE_BYTES } from "../workloads.ts";

interface Environment {
  readonly BARE: DurableObjectNamespace<Bare>;
}

interface Row extends Record<string, SqlStorageValue> {
  readonly value: string;
  readonly revision: number;
}

/** How many at once, of how many that there are. */
interface Many {
  readonly count: number;
  readonly keys: number;
}

const OBJECT = "store";

export class Bare extends DurableObject<Environment> {
  readonly #sql: SqlStorage;
  #revision: number;

  constructor(state: DurableObjectState, environment: Environment) {
    super(state, environment);
    this.#sql = state.storage.sql;
    this.#sql.exec(
      "CREATE TABLE IF NOT EXISTS kv (key TEXT PRIMARY KEY, value TEXT, revision INTEGER) WITHOUT ROWID",
    );
    this.#revision = this.#sql
      .exec<{ latest: number }>("SELECT coalesce(max(revision), 0) AS latest FROM kv")
      .one().latest;
  }

  nothing(): number {
    return 0;
  }

  put(key: string, value: string): number {
    const revision = ++this.#revision;
    this.#sql.exec("INSERT OR REPLACE INTO kv VALUES (?, ?, ?)", key, value, revision);
    const sockets = this.ctx.getWebSockets();
    if (sockets.length > 0) {
      const event = JSON.stringify({ key, value, revision });
      for (const socket of sockets) socket.send(event);
    }
    return revision;
  }

  get(key: string): string | null {
    const [row] = this.#sql.exec<Row>("SELECT value, revision FROM kv WHERE key = ?", key);
    return row?.value ?? null;
  }

  /** Puts keys with numbers from `first` up to and without `end`. */
  fill(first: number, end: number, value: string): void {
    for (let number = first; number < end; number++) this.put(keyOf(number), value);
  }

  /** One turn and one commit with so many puts, or gets, of keys at random. */
  many(kind: "puts" | "gets", { count, keys }: Many): void {
    for (let done = 0; done < count; done++) {
      const key = keyOf(Math.floor(Math.random() * keys));
      if (kind === "gets") this.get(key);
      else this.put(key, `${this.#revision}`.padEnd(VALUE_BYTES, "v"));
    }
  }

  list(prefix: string): object[] {
    const end = prefix + String.fromCodePoint(0x10ffff);
    return this.#sql
      .exec("SELECT key, value, revision FROM kv WHERE key >= ? AND key < ?", prefix, end)
      .toArray();
  }

  override fetch(): Response {
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    return new Response(null, { status: 101, webSocket: client });
  }

  override webSocketClose(socket: WebSocket): void {
    socket.close();
  }
}

const PATH = "/v1/kv/";

async function answerMany(url: URL, object: DurableObjectStub<Bare>): Promise<Response> {
  const number = (name: string): number => Number(url.searchParams.get(name));
  if (url.pathname === "/fill") {
    await object.fill(number("first"), number("end"), "v".repeat(VALUE_BYTES));
  } else {
    const kind = url.pathname === "/puts" ? "puts" : "gets";
    await object.many(kind, { count: number("count"), keys: number("keys") });
  }
  return new Response("done");
}

async function answer(request: Request, environment: Environment): Promise<Response> {
  const url = new URL(request.url);
  const { pathname, search } = url;
  if (pathname === "/empty") return new Response("empty");
  const object = environment.BARE.getByName(OBJECT);
  if (pathname === "/call") return new Response(`${await object.nothing()}`);
  if (pathname === "/watch") return object.fetch(request);
  if (["/fill", "/puts", "/gets"].includes(pathname)) return answerMany(url, object);
  const key = decodeURIComponent(pathname.slice(PATH.length));
  if (request.method === "PUT") {
    return Response.json({ revision: await object.put(key, await request.text()) });
  }
  if (search === "?prefix") return Response.json({ kvs: await object.list(key) });
  const value = await object.get(key);
  return value === null ? new Response("no such key", { status: 404 }) : new Response(value);
}

export default { fetch: answer } satisfies ExportedHandler<Environment>;
