// Owns what can be asked of any store under measurement, by whatever door: the same words for all, so
// that a workload is written once.

/** What a door may be able to do. */
export type Operation =
  | "put"
  | "overwrite"
  | "get"
  | "getSerializable"
  | "cas"
  | "list"
  | "keepAlive";

/** Where clients come in, ready to be opened for a number of clients. */
export interface Door {
  /** As tables call it: "session", "plain HTTP". */
  readonly name: string;
  readonly can: readonly Operation[];
  /** For so many clients at once, each with one request under way. */
  open(clients: number): Promise<Connection>;
}

/** What was opened. Each promise rejects when the answer is not what was asked for. */
export interface Connection {
  put(key: string, value: string): Promise<void>;
  get(key: string): Promise<void>;
  getSerializable(key: string): Promise<void>;
  /**
   * Puts if the key was last changed at `expected` (0: does not exist).
   *
   * @returns the revision of the change, which is to be expected next.
   */
  cas(key: string, value: string, expected: number): Promise<number>;
  /** Reads all keys that begin with `prefix`; resolves to their number. */
  list(prefix: string): Promise<number>;
  grant(lease: bigint, ttlSeconds: number): Promise<void>;
  keepAlive(lease: bigint): Promise<void>;
  close(): Promise<void>;
}

/** What a door without an operation says when it is asked for it. */
export const cannot = (what: Operation | "grant") => (): Promise<never> =>
  Promise.reject(new Error(`this door cannot: ${what}`));

/** The least bytes above all that begin with `prefix`, which ends below 0x7f. */
export const endOfPrefix = (prefix: string): string =>
  prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);

/** @throws Error unless `condition` holds: what was measured is then not what was meant. */
export function expectThat(condition: boolean, what: string): void {
  if (!condition) throw new Error(`an answer is not what was asked for: ${what}`);
}
