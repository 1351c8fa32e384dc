// Owns what the package exports as `edgekeeper/client`: a list of names, and nothing else. Within this
// repository each is imported from where it is defined.

export { Edgekeeper, type EdgekeeperOptions, type ScanOptions } from "./edgekeeper.ts";
export { Election } from "./election.ts";
export { EdgekeeperError } from "./error.ts";
export { KeyValue } from "./key-value.ts";
export type { BytesLike, Prefix, Selection, Span } from "./keys.ts";
export { Lease, type GrantOptions, type TimeToLive } from "./lease.ts";
export type { Leadership, Lock, LockOptions } from "./lock.ts";
export type { ContendOptions } from "./queue.ts";
export type { ClusterStatus, MemberInfo } from "./cluster.ts";
export type {
  CallOptions,
  DeleteOptions,
  DeleteResult,
  LeaseLike,
  PutOptions,
  PutResult,
  RangeOptions,
  RangeResult,
  ReadOptions,
  WriteOptions,
} from "./operations.ts";
export { WEB_PLATFORM, type ClientPlatform, type ClientSocket } from "./platform.ts";
export {
  compare,
  op,
  Txn,
  type Compare,
  type Comparison,
  type Op,
  type TxnBranches,
  type TxnResponse,
  type TxnResult,
} from "./txn.ts";
export {
  jsonCodec,
  TypedKeys,
  type Codec,
  type Parser,
  type Typed,
  type TypedEvent,
} from "./typed.ts";
export { Watch, type WatchBatch, type WatchEvent, type WatchOptions } from "./watch.ts";
