// Owns requests as tests write them: without options, with keys and values as they come.

import { rangeOfKey } from "../../src/api/kv-json.ts";
import type { ClientRequest } from "../../src/api/replica.ts";
import { EMPTY } from "../../src/base/bytes.ts";
import type { WatchSpec } from "../../src/base/watch.ts";
import { NO_LEASE, type Bytes, type LeaseId } from "../../src/base/types.ts";

export const put = (key: Bytes, value: Bytes, lease: LeaseId = NO_LEASE): PutOf => ({
  kind: "put",
  request: { key, value, lease, prevKv: false, ignoreValue: false, ignoreLease: false },
});

type PutOf = Extract<ClientRequest, { kind: "put" }>;

/** A linearizable read of one key. */
export const get = (key: Bytes): ClientRequest => ({
  kind: "range",
  serializable: false,
  request: rangeOfKey(key),
});

/** A watch of one key, from now on. */
export const watchOf = (key: Bytes, options: Partial<WatchSpec> = {}): WatchSpec => ({
  key,
  rangeEnd: EMPTY,
  startRevision: 0,
  prevKv: false,
  progressNotify: false,
  noPut: false,
  noDelete: false,
  ...options,
});
