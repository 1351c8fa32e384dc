// Owns the commands that the log carries and the bytes of their entries. The format is replicated:
// what is added here is added with a new kind or version, above the cluster version.

import { readAuthCommand, writeAuthCommand, type AuthCommand } from "../auth/auth-command.ts";
import type { Requester } from "../auth/permission.ts";
import type { Alarm } from "../base/alarm.ts";
import { readAlarm, writeAlarm } from "../base/alarm-codec.ts";
import { assert } from "../base/assert.ts";
import { EMPTY } from "../base/bytes.ts";
import { FINGERPRINT_BYTES } from "../base/fingerprint.ts";
import type { ClusterLimits } from "../base/cluster-limits.ts";
import { Reader, Writer } from "../base/codec.ts";
import type { DeleteRangeRequest, PutRequest, TxnRequest } from "../base/kv.ts";
import {
  readDeleteRangeRequest,
  readPutRequest,
  writeDeleteRangeRequest,
  writePutRequest,
} from "../base/kv-codec.ts";
import { ENTRY_CONFIGURATION } from "../base/entry-kinds.ts";
import { readLimits, writeLimits } from "../base/limits-codec.ts";
import type { Membership } from "../base/membership.ts";
import {
  readConfiguration,
  readPlaces,
  writeConfiguration,
  writePlaces,
} from "../base/membership-codec.ts";
import { readTxnRequest, writeTxnRequest } from "../base/txn-codec.ts";
import {
  asClusterTime,
  asLeaseId,
  type Bytes,
  type ClusterTime,
  type LeaseId,
} from "../base/types.ts";
import type { Expiry } from "../lease/lessor.ts";

/** One change of the replicated state. */
export type Command =
  | { readonly kind: "put"; readonly request: PutRequest }
  | { readonly kind: "deleteRange"; readonly request: DeleteRangeRequest }
  | { readonly kind: "txn"; readonly request: TxnRequest }
  | { readonly kind: "compact"; readonly revision: number }
  | { readonly kind: "leaseGrant"; readonly id: LeaseId; readonly ttlSeconds: number }
  | { readonly kind: "leaseRevoke"; readonly id: LeaseId }
  | { readonly kind: "leaseExtend"; readonly ids: readonly LeaseId[] }
  | { readonly kind: "leaseExpire"; readonly expiries: readonly Expiry[] }
  /** Who takes part from now on, and where they live. Raft reads its head. */
  | ({ readonly kind: "membership" } & Omit<Membership, "index">)
  /** What entries may mean from now on; `cap` keeps a leader from raising it further. */
  | { readonly kind: "version"; readonly version: number; readonly cap: number | null }
  | { readonly kind: "auth"; readonly request: AuthCommand }
  /** Raises or lowers an alarm; `automatic` says that a leader does so by itself. */
  | ({ readonly kind: "alarm"; readonly raises: boolean; readonly automatic: boolean } & Alarm)
  | { readonly kind: "limits"; readonly limits: ClusterLimits };

/** Entry kinds by command, append only: a number is for ever. What Raft reads lies below 16. */
const ENTRY_KINDS = {
  membership: ENTRY_CONFIGURATION,
  put: 16,
  deleteRange: 17,
  txn: 18,
  compact: 19,
  leaseGrant: 20,
  leaseRevoke: 21,
  leaseExtend: 22,
  leaseExpire: 23,
  version: 24,
  auth: 25,
  alarm: 26,
  limits: 27,
} as const satisfies Record<Command["kind"], number>;

const COMMAND_KINDS = new Map<number, Command["kind"]>(
  (Object.keys(ENTRY_KINDS) as Command["kind"][]).map((kind) => [ENTRY_KINDS[kind], kind]),
);

/** The cluster version from which on a kind may be proposed; 1 for those that are not listed. */
const KINDS_SINCE: Partial<Record<Command["kind"], number>> = {
  membership: 2,
  version: 2,
  auth: 3,
  alarm: 3,
  limits: 3,
};

/** The version of the code that understands a command: `base/versions.ts`. */
export const versionOf = (kind: Command["kind"]): number => KINDS_SINCE[kind] ?? 1;

/**
 * Whether the kind may change a cluster of this version. Those of the second version always might, for
 * they are how it is reached; what came later leaves state that older code would pass over.
 */
export const isMeantAt = (kind: Command["kind"], clusterVersion: number): boolean =>
  versionOf(kind) <= Math.max(clusterVersion, 2);

/**
 * The layout of the data. The second tells who asks as well: used while auth is on. The third tells the
 * idempotency key too.
 */
const FORMAT_PLAIN = 1;
const FORMAT_ASKED = 2;
const FORMAT_KEYED = 3;

/** The cluster version from which on there is each layout. */
const FORMATS_SINCE: Readonly<Record<number, number>> = {
  [FORMAT_PLAIN]: 1,
  [FORMAT_ASKED]: 3,
  [FORMAT_KEYED]: 4,
};

/** The cluster version from which on a write may come with an idempotency key. */
export const KEYED_SINCE = 4;

/** The cluster version from which on the history holds what plain puts replace. */
export const REPLACED_SINCE = 5;

/** The length of a request id: 128 bits. */
const REQUEST_ID_BYTES = 16;

/** The request id of commands that the replica itself proposes; never remembered. */
export const NO_REQUEST: Bytes = new Uint8Array(REQUEST_ID_BYTES);

/** What every entry of a command carries around it. */
export interface Proposal {
  readonly command: Command;
  /** Stamped by the leader that proposed it. */
  readonly time: ClusterTime;
  readonly requestId: Bytes;
  readonly trace: string;
  /** Who asks for it, as far as that matters: not while auth is off, nor of the replica's own. */
  readonly requester?: Requester | null;
  /** What the client names the write with, that it happens once however often it is asked for. */
  readonly keyed?: Keyed | null;
}

/** An idempotency key, and what tells the request that it first came with from others. */
export interface Keyed {
  readonly key: string;
  /** Of the command, by the code that proposed it: see `keyed.ts`. */
  readonly fingerprint: Bytes;
}

/** The kind and data of the proposal's entry. */
export function encodeProposal(proposal: Proposal): { kind: number; data: Bytes } {
  assert(proposal.requestId.length === REQUEST_ID_BYTES, "a request id has 16 bytes");
  const writer = new Writer();
  const { command, requester = null, keyed = null } = proposal;
  if (command.kind === "membership") writeConfiguration(writer, command.configuration);
  const plain = requester === null ? FORMAT_PLAIN : FORMAT_ASKED;
  writer.byte(keyed === null ? plain : FORMAT_KEYED);
  writer.uint(proposal.time).raw(proposal.requestId).text(proposal.trace);
  if (keyed !== null) {
    assert(keyed.fingerprint.length === FINGERPRINT_BYTES, "a fingerprint has 8 bytes");
    writer
      .text(keyed.key)
      .raw(keyed.fingerprint)
      .flag(requester !== null);
  }
  if (requester !== null) writeRequester(writer, requester);
  writeCommand(writer, command);
  return { kind: ENTRY_KINDS[command.kind], data: writer.finish() };
}

/**
 * Reads an entry's data back, as code of `codeVersion` does.
 *
 * @throws InvariantError on a kind or version that this code does not know: a replica that cannot
 * understand an entry must halt, for skipping it would let its state part from the others'.
 */
export function decodeProposal(entryKind: number, data: Bytes, codeVersion: number): Proposal {
  const kind = COMMAND_KINDS.get(entryKind);
  const isKnown = kind !== undefined && versionOf(kind) <= codeVersion;
  assert(isKnown, `entry kind ${entryKind} is known to this code`);
  const reader = new Reader(data);
  const configuration = kind === "membership" ? readConfiguration(reader) : null;
  const format = reader.byte();
  const isFormat = (FORMATS_SINCE[format] ?? Infinity) <= codeVersion;
  assert(isFormat, `entry format ${format} is known to this code`);
  const time = asClusterTime(reader.uint());
  const requestId = reader.raw(REQUEST_ID_BYTES);
  const trace = reader.text();
  const keyed = format === FORMAT_KEYED ? readKeyed(reader) : null;
  const isAsked = keyed === null ? format === FORMAT_ASKED : reader.flag();
  const requester = isAsked ? readRequester(reader) : null;
  const command: Command =
    configuration === null
      ? readCommand(kind as Exclude<Command["kind"], "membership">, reader)
      : { kind: "membership", configuration, ...readPlaces(reader) };
  reader.end();
  const known = {
    ...(requester === null ? {} : { requester }),
    ...(keyed === null ? {} : { keyed }),
  };
  return { command, time, requestId, trace, ...known };
}

const readKeyed = (reader: Reader): Keyed => ({
  key: reader.text(),
  fingerprint: reader.raw(FINGERPRINT_BYTES),
});

const writeRequester = (writer: Writer, { name, authRevision, follows }: Requester): Writer =>
  writer.text(name).uint(authRevision).flag(follows);

const readRequester = (reader: Reader): Requester => ({
  name: reader.text(),
  authRevision: reader.uint(),
  follows: reader.flag(),
});

export function writeCommand(writer: Writer, command: Command): void {
  switch (command.kind) {
    case "put":
      writePutRequest(writer, command.request);
      break;
    case "deleteRange":
      writeDeleteRangeRequest(writer, command.request);
      break;
    case "txn":
      writeTxnRequest(writer, command.request);
      break;
    case "compact":
      writer.int(command.revision);
      break;
    case "leaseGrant":
      writer.id(command.id).int(command.ttlSeconds);
      break;
    case "leaseRevoke":
      writer.id(command.id);
      break;
    case "leaseExtend":
      writer.list(command.ids, (item, id) => item.id(id));
      break;
    case "leaseExpire":
      writer.list(command.expiries, (item, { id, horizon }) => item.id(id).uint(horizon));
      break;
    case "membership":
      writePlaces(writer, command);
      break;
    case "version":
      writer.uint(command.version).uint(command.cap ?? 0);
      break;
    case "auth":
      writeAuthCommand(writer, command.request);
      break;
    case "alarm":
      writeAlarm(writer.flag(command.raises).flag(command.automatic), command);
      break;
    case "limits":
      writeLimits(writer, command.limits);
      break;
    default:
      command satisfies never;
  }
}

function readCommand(kind: Exclude<Command["kind"], "membership">, reader: Reader): Command {
  const readId = (item: Reader): LeaseId => asLeaseId(item.signedId());
  switch (kind) {
    case "put":
      return { kind, request: readPutRequest(reader) };
    case "deleteRange":
      return { kind, request: readDeleteRangeRequest(reader) };
    case "txn":
      return { kind, request: readTxnRequest(reader) };
    case "compact":
      return { kind, revision: reader.int() };
    case "leaseGrant":
      return { kind, id: readId(reader), ttlSeconds: reader.int() };
    case "leaseRevoke":
      return { kind, id: readId(reader) };
    case "leaseExtend":
      return { kind, ids: reader.list(readId) };
    case "leaseExpire":
      return {
        kind,
        expiries: reader.list((item) => ({
          id: readId(item),
          horizon: asClusterTime(item.uint()),
        })),
      };
    case "version": {
      const version = reader.uint();
      return { kind, version, cap: reader.uint() || null };
    }
    case "auth":
      return { kind, request: readAuthCommand(reader) };
    case "alarm":
      return { kind, raises: reader.flag(), automatic: reader.flag(), ...readAlarm(reader) };
    case "limits":
      return { kind, limits: readLimits(reader) };
    default:
      return kind satisfies never;
  }
}

/** An answer that was not kept. */
export const NOT_KEPT: Bytes = EMPTY;
