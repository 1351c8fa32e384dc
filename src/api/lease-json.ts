// Owns the JSON of etcd's lease requests.

import { accept, type Result } from "../base/result.ts";
import { asLeaseId } from "../base/types.ts";
import type { ApiError } from "./error.ts";
import { bool, decodeMessage, int64, int64Number, message } from "./proto-json.ts";
import type { ClientRequest } from "./replica.ts";

const grantMessage = message({ TTL: int64Number, ID: int64 });
const idMessage = message({ ID: int64 });
const timeToLiveMessage = message({ ID: int64, keys: bool });
const leasesMessage = message({});

type Read = (body: string) => Result<ClientRequest, ApiError>;

/** `POST /v3/lease/grant`. An id of 0 asks the server to choose one: the caller must. */
export const readLeaseGrant: Read = (body) => {
  const read = decodeMessage(grantMessage, body);
  if (!read.ok) return read;
  return accept({ kind: "leaseGrant", id: asLeaseId(read.value.ID), ttlSeconds: read.value.TTL });
};

/** `POST /v3/lease/revoke`. */
export const readLeaseRevoke: Read = (body) => {
  const read = decodeMessage(idMessage, body);
  return read.ok ? accept({ kind: "leaseRevoke", id: asLeaseId(read.value.ID) }) : read;
};

/** One document of `POST /v3/lease/keepalive`. */
export const readLeaseKeepAlive: Read = (body) => {
  const read = decodeMessage(idMessage, body);
  return read.ok ? accept({ kind: "leaseKeepAlive", id: asLeaseId(read.value.ID) }) : read;
};

/** `POST /v3/lease/timetolive`. */
export const readLeaseTimeToLive: Read = (body) => {
  const read = decodeMessage(timeToLiveMessage, body);
  if (!read.ok) return read;
  const { ID, keys } = read.value;
  return accept({ kind: "leaseTimeToLive", id: asLeaseId(ID), keys });
};

/** `POST /v3/lease/leases`. */
export const readLeaseLeases: Read = (body) => {
  const read = decodeMessage(leasesMessage, body);
  return read.ok ? accept({ kind: "leaseLeases" }) : read;
};
