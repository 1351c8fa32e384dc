// Owns values that have a type: a codec turns them into bytes and back, and checks what comes back.

import type { KeyValue } from "./key-value.ts";
import type { BytesLike, Selection } from "./keys.ts";
import type { PutOptions, PutResult, ReadOptions } from "./operations.ts";
import type { Watch, WatchOptions } from "./watch.ts";

export interface Codec<T> {
  encode(value: T): BytesLike;
  /** @throws anything for what is no `T`. */
  decode(bytes: Uint8Array): T;
}

/** What checks values: a schema of zod, valibot and the like, or a function in an object. */
export interface Parser<T> {
  parse(value: unknown): T;
}

/** Values as JSON. Without a schema nothing checks that what is there is a `T`. */
export const jsonCodec = <T>(schema?: Parser<T>): Codec<T> => ({
  encode: (value) => JSON.stringify(value),
  decode: (bytes) => {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return schema === undefined ? (value as T) : schema.parse(value);
  },
});

/** A key, and its value as what it means. */
export interface Typed<T> {
  readonly kv: KeyValue;
  readonly value: T;
}

/** What happened to a key; `value` is null when it was deleted. */
export interface TypedEvent<T> {
  readonly type: "put" | "delete";
  readonly kv: KeyValue;
  readonly value: T | null;
}

/** What values are kept in. */
interface TypedStore {
  put(key: BytesLike, value: BytesLike, options?: PutOptions): Promise<PutResult>;
  get(key: BytesLike, options?: ReadOptions): Promise<KeyValue | null>;
  scan(selection: Selection, options?: ReadOptions): AsyncIterable<KeyValue>;
  watch(selection: Selection, options?: WatchOptions): Watch;
}

/** Keys whose values have one type. */
export class TypedKeys<T> {
  readonly #store: TypedStore;
  readonly #codec: Codec<T>;

  constructor(store: TypedStore, codec: Codec<T>) {
    this.#store = store;
    this.#codec = codec;
  }

  put(key: BytesLike, value: T, options?: PutOptions): Promise<PutResult> {
    return this.#store.put(key, this.#codec.encode(value), options);
  }

  async get(key: BytesLike, options?: ReadOptions): Promise<Typed<T> | null> {
    const kv = await this.#store.get(key, options);
    return kv === null ? null : { kv, value: this.#codec.decode(kv.value) };
  }

  /** As `Edgekeeper.scan`. */
  async *scan(selection: Selection, options?: ReadOptions): AsyncGenerator<Typed<T>, void, void> {
    for await (const kv of this.#store.scan(selection, options)) {
      yield { kv, value: this.#codec.decode(kv.value) };
    }
  }

  /** Each change, until somebody breaks off. */
  async *watch(
    selection: Selection,
    options?: WatchOptions,
  ): AsyncGenerator<TypedEvent<T>, void, void> {
    for await (const { type, kv } of this.#store.watch(selection, options).events()) {
      yield { type, kv, value: type === "delete" ? null : this.#codec.decode(kv.value) };
    }
  }
}
