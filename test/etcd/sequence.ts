// Owns the words of the corpus: a sequence of requests, each of which both servers are sent, as data.

/** A JSON body, or text as it is, for what is malformed. */
export type Body = object | string;

export type Step =
  | {
      readonly kind: "call";
      readonly method: string;
      readonly path: string;
      readonly body: string | null;
      readonly headers: Readonly<Record<string, string>>;
      /** Names for values of the answer, by their place: `$name` stands for them later on. */
      readonly keep: Readonly<Record<string, string>>;
    }
  /** A POST whose answer is read line by line while the sequence goes on. */
  | {
      readonly kind: "stream";
      readonly name: string;
      readonly path: string;
      readonly body: string;
      readonly headers: Readonly<Record<string, string>>;
    }
  | {
      readonly kind: "socket";
      readonly name: string;
      readonly path: string;
      readonly protocols: readonly string[];
    }
  /** Sends one frame on a socket. */
  | { readonly kind: "say"; readonly name: string; readonly text: string }
  /** The client closes a stream or socket. */
  | { readonly kind: "close"; readonly name: string }
  | { readonly kind: "pass"; readonly ms: number };

export interface Sequence {
  readonly name: string;
  readonly steps: readonly Step[];
}

/** How the etcd of a topic is started. */
export interface EtcdOptions {
  /** Elections as slow as etcd's own, on which the lowest time to live of leases depends. */
  readonly isSlow?: boolean;
  readonly flags?: readonly string[];
}

export interface Topic {
  readonly name: string;
  readonly etcd: EtcdOptions;
  readonly sequences: readonly Sequence[];
}

export const topic = (
  name: string,
  sequences: Readonly<Record<string, readonly Step[]>>,
  etcd: EtcdOptions = {},
): Topic => ({
  name,
  etcd,
  sequences: Object.entries(sequences).map(([fact, steps]) => ({ name: fact, steps })),
});

/** Base64 of text. */
export const b = (text: string): string => Buffer.from(text, "utf8").toString("base64");
/** Base64 of bytes. */
export const bytes = (...values: number[]): string => Buffer.from(values).toString("base64");
/** The lowest key behind all keys that begin with `prefix`. */
export const end = (prefix: string): string =>
  b(prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1));
/** All keys. */
export const ALL = { key: bytes(0), range_end: bytes(0) } as const;

const textOf = (body: Body): string => (typeof body === "string" ? body : JSON.stringify(body));

export interface CallOptions {
  readonly keep?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
}

export const call = (path: string, body: Body = {}, options: CallOptions = {}): Step => ({
  kind: "call",
  method: "POST",
  path: `/v3${path}`,
  body: textOf(body),
  headers: options.headers ?? {},
  keep: options.keep ?? {},
});

/** Any method, path and headers. */
export const send = (
  method: string,
  path: string,
  body: Body | null = null,
  headers: Readonly<Record<string, string>> = {},
): Step => ({
  kind: "call",
  method,
  path,
  body: body === null ? null : textOf(body),
  headers,
  keep: {},
});

export const put = (key: string, value: string, options: object = {}): Step =>
  call("/kv/put", { key: b(key), value: b(value), ...options });
export const range = (key: string, options: object = {}): Step =>
  call("/kv/range", { key: b(key), ...options });
/** The range of all keys that begin with `prefix`. */
export const list = (prefix: string, options: object = {}): Step =>
  call("/kv/range", { key: b(prefix), range_end: end(prefix), ...options });
export const everything = (options: object = {}): Step => call("/kv/range", { ...ALL, ...options });
export const del = (key: string, options: object = {}): Step =>
  call("/kv/deleterange", { key: b(key), ...options });
export const delPrefix = (prefix: string, options: object = {}): Step =>
  call("/kv/deleterange", { key: b(prefix), range_end: end(prefix), ...options });
export const compact = (revision: number | string, physical = true): Step =>
  call("/kv/compaction", { revision, physical });
export const grant = (id: number | string, ttl: number | string = 3000): Step =>
  call("/lease/grant", { ID: id, TTL: ttl });

/** Members of a transaction. */
export const txn = (parts: {
  readonly compare?: readonly object[];
  readonly success?: readonly object[];
  readonly failure?: readonly object[];
}): Step => call("/kv/txn", parts);
export const putOp = (key: string, value: string, options: object = {}): object => ({
  request_put: { key: b(key), value: b(value), ...options },
});
export const rangeOp = (key: string, options: object = {}): object => ({
  request_range: { key: b(key), ...options },
});
export const delOp = (key: string, options: object = {}): object => ({
  request_delete_range: { key: b(key), ...options },
});
export const txnOp = (parts: object): object => ({ request_txn: parts });

export const stream = (
  name: string,
  path: string,
  documents: Body | readonly Body[],
  headers: Readonly<Record<string, string>> = {},
): Step => ({
  kind: "stream",
  name,
  path: `/v3${path}`,
  body: (Array.isArray(documents) ? documents : [documents]).map(textOf).join(""),
  headers,
});
/** A watch by streaming POST. */
export const watch = (name: string, ...creates: readonly [object, ...object[]]): Step =>
  stream(
    name,
    "/watch",
    creates.map((create) => ({ create_request: create })),
  );
export const socket = (name: string, path: string, ...protocols: string[]): Step => ({
  kind: "socket",
  name,
  path: `/v3${path}`,
  protocols,
});
export const say = (name: string, document: Body): Step => ({
  kind: "say",
  name,
  text: textOf(document),
});
export const close = (name: string): Step => ({ kind: "close", name });
export const pass = (ms: number): Step => ({ kind: "pass", ms });
