// Owns the JSON of etcd's lease requests.

import { accept, type Result } from "../base/result.ts";
import { asLeaseId } from "../base/types.ts";
import type { ApiError } from "./error.ts";
import { named } from "./json-schema.ts";
import { bool, decodeMessage, int64, int64Number, message } from "./proto-json.ts";
import type { ClientRequest } from "./replica.ts";

export const leaseGrantMessage = named(
  "LeaseGrantRequest",
  message({ TTL: int64Number, ID: int64 }),
);
export const leaseIdMessage = named("LeaseIdRequest", message({ ID: int64 }));
export const timeToLiveMessage = named(
  "LeaseTimeToLiveRequest",
  message({ ID: int64, keys: bool }),
);
export const leasesMessage = named("LeaseLeasesRequest", message({}));

type Read = (body: string) => Result<ClientRequest, ApiError>;

/** `POST /v3/lease/grant`. An id of 0 asks the server to choose one: the caller must. */
export const readLeaseGrant: Read = (body) => {
  const read = decodeMessage(leaseGrantMessage, body);
  if (!read.ok) return read;
  return accept({ kind: "leaseGrant", id: asLeaseId(read.value.ID), ttlSeconds: read.value.TTL });
};

/** `POST /v3/lease/revoke`. */
export const readLeaseRevoke: Read = (body) => {
  const read = decodeMessage(leaseIdMessage, body);
  return read.ok ? accept({ kind: "leaseRevoke", id: asLeaseId(read.value.ID) }) : read;
};

/** One document of `POST /v3/lease/keepalive`. */
export const readLeaseKeepAlive: Read = (body) => {
  const read = decodeMessage(leaseIdMessage, body);
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
