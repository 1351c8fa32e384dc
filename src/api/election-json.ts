// Owns the JSON of etcd's election service.

import { accept, refuse, type Result } from "../base/result.ts";
import type { KeyValue } from "../base/kv.ts";
import { asLeaseId, asRevision, type Bytes, type LeaseId, type Revision } from "../base/types.ts";
import { printBytes, printHeader, printInteger, printKeyValue } from "./answer-json.ts";
import type { ApiError } from "./error.ts";
import { named } from "./json-schema.ts";
import { bytes, decodeMessage, int64, int64Number, message } from "./proto-json.ts";
import { RECIPE_ERRORS } from "./recipe-error.ts";
import type { Header } from "./replica.ts";

/** What names a leader: the key it holds since that revision. */
export interface LeaderName {
  readonly name: Bytes;
  readonly key: Bytes;
  readonly createRevision: Revision;
  readonly lease: LeaseId;
}

const leaderMessage = named(
  "LeaderKeyRequest",
  message({ name: bytes, key: bytes, rev: int64Number, lease: int64 }),
).transform(({ name, key, rev, lease }): LeaderName => ({
  name,
  key,
  createRevision: asRevision(rev),
  lease: asLeaseId(lease),
}));

export const campaignMessage = named(
  "CampaignRequest",
  message({ name: bytes, lease: int64, value: bytes }),
);
export const proclaimMessage = named(
  "ProclaimRequest",
  message({ leader: leaderMessage.optional(), value: bytes }),
);
export const electionMessage = named("LeaderRequest", message({ name: bytes }));
export const resignMessage = named("ResignRequest", message({ leader: leaderMessage.optional() }));

export interface CampaignRequest {
  readonly name: Bytes;
  readonly lease: LeaseId;
  readonly value: Bytes;
}

/** `POST /v3/election/campaign`. */
export function readCampaign(body: string): Result<CampaignRequest, ApiError> {
  const read = decodeMessage(campaignMessage, body);
  return read.ok ? accept({ ...read.value, lease: asLeaseId(read.value.lease) }) : read;
}

/** `POST /v3/election/proclaim`. */
export function readProclaim(
  body: string,
): Result<{ readonly leader: LeaderName; readonly value: Bytes }, ApiError> {
  const read = decodeMessage(proclaimMessage, body);
  if (!read.ok) return read;
  const { leader, value } = read.value;
  return leader === undefined ? refuse(RECIPE_ERRORS.noLeaderField) : accept({ leader, value });
}

/** `POST /v3/election/leader` and `/observe`. */
export const readElection = (body: string): Result<{ readonly name: Bytes }, ApiError> =>
  decodeMessage(electionMessage, body);

/** `POST /v3/election/resign`. */
export function readResign(body: string): Result<{ readonly leader: LeaderName }, ApiError> {
  const read = decodeMessage(resignMessage, body);
  if (!read.ok) return read;
  const { leader } = read.value;
  return leader === undefined ? refuse(RECIPE_ERRORS.noLeaderField) : accept({ leader });
}

/** The answer to a campaign that was won. */
export const campaignBody = (header: Header, leader: LeaderName): string =>
  JSON.stringify({
    header: printHeader(header),
    leader: {
      name: printBytes(leader.name),
      key: printBytes(leader.key),
      rev: printInteger(leader.createRevision),
      lease: printInteger(leader.lease),
    },
  });

export const leaderBody = (header: Header, kv: KeyValue): string =>
  JSON.stringify({ header: printHeader(header), kv: printKeyValue(kv) });

/** One line of `observe`. */
export const leaderLine = (header: Header, kv: KeyValue): string =>
  `{"result":${leaderBody(header, kv)}}\n`;
