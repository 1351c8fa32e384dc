// Owns the JSON of etcd's maintenance calls: alarms, status, hashes, and what is asked about
// defragmenting and downgrading.

import { ALARM_KINDS, type Alarm, type AlarmKind } from "../base/alarm.ts";
import type { KvHash, StatusAnswer } from "../base/maintenance.ts";
import { accept, refuse, type Result } from "../base/result.ts";
import { asMemberId } from "../base/types.ts";
import { printFlag, printHeader, printInteger, printList } from "./answer-json.ts";
import { GATEWAY_ERRORS, malformed, type ApiError } from "./error.ts";
import { ETCD_VERSION } from "./etcd-version.ts";
import { named } from "./json-schema.ts";
import {
  decodeMessage,
  emptyMessage,
  enumeration,
  int64Number,
  message,
  string,
  uint64,
} from "./proto-json.ts";
import type { ClientAnswer, ClientRequest, Header } from "./replica.ts";

const ALARM_NAMES: Readonly<Record<AlarmKind, string>> = {
  noSpace: "NOSPACE",
  corrupt: "CORRUPT",
};
const ACTIONS = ["get", "activate", "deactivate"] as const;

export const alarmMessage = named(
  "AlarmRequest",
  message({
    action: enumeration(ACTIONS.map((action) => action.toUpperCase())),
    memberID: uint64,
    alarm: enumeration(["NONE", ...ALARM_KINDS.map((kind) => ALARM_NAMES[kind])]),
  }),
);
export const hashKvMessage = named("HashKVRequest", message({ revision: int64Number }));
export const downgradeMessage = named(
  "DowngradeRequest",
  message({ action: enumeration(["VALIDATE", "ENABLE", "CANCEL"]), version: string }),
);

type Read = (body: string) => Result<ClientRequest, ApiError>;

/** `POST /v3/maintenance/alarm`. Numbers that stand for nothing, which end an etcd, are refused. */
export const readAlarm: Read = (body) => {
  const read = decodeMessage(alarmMessage, body);
  if (!read.ok) return read;
  const action = ACTIONS[read.value.action];
  const alarm = [null, ...ALARM_KINDS][read.value.alarm];
  if (action === undefined || alarm === undefined) {
    return refuse(malformed("edgekeeper: no such action, or no such alarm"));
  }
  return accept({ kind: "alarm", action, member: asMemberId(read.value.memberID), alarm });
};

/** `POST /v3/maintenance/hashkv`. A revision below 0 is the latest as well. */
export const readHashKv: Read = (body) => {
  const read = decodeMessage(hashKvMessage, body);
  if (!read.ok) return read;
  return accept({ kind: "hashKv", revision: Math.max(read.value.revision, 0) });
};

const readEmpty =
  (request: ClientRequest): Read =>
  (body) => {
    const read = decodeMessage(emptyMessage, body);
    return read.ok ? accept(request) : read;
  };

/** `POST /v3/maintenance/status`, `/hash` and `/defragment`. */
export const readStatus = readEmpty({ kind: "status" });
export const readHash = readEmpty({ kind: "hash" });
export const readDefragment = readEmpty({ kind: "defragment" });

/**
 * `POST /v3/maintenance/downgrade`. Which versions etcd would go down to can be said; to go there is
 * not for us, so there never is a downgrade under way.
 */
export const readDowngrade: Read = (body) => {
  const read = decodeMessage(downgradeMessage, body);
  if (!read.ok) return read;
  const { action, version } = read.value;
  if (action === 2) return refuse(GATEWAY_ERRORS.noDowngrade);
  if (action !== 0 && action !== 1) return refuse(GATEWAY_ERRORS.unknownMethod);
  const minor = minorOf(version);
  if (minor === null) return refuse(GATEWAY_ERRORS.downgradeFormat);
  if (minor !== BELOW) return refuse(GATEWAY_ERRORS.downgradeTarget);
  return action === 0 ? accept({ kind: "downgrade" }) : refuse(GATEWAY_ERRORS.notCapable);
};

/** A version, `3.6` and `3.6.1` alike, as `3.6`; null for what is none. */
function minorOf(version: string): string | null {
  const read = /^(\d+)\.(\d+)(?:\.\d+(?:-[\w.-]+)?(?:\+[\w.-]+)?)?$/.exec(version);
  return read === null ? null : `${Number(read[1])}.${Number(read[2])}`;
}

/** The one version below ours. */
const BELOW = ((): string => {
  const [major, minor] = ETCD_VERSION.etcdcluster.split(".");
  return `${major}.${Number(minor) - 1}`;
})();

/** Answers about maintenance. */
export type MaintenanceAnswer = Extract<
  ClientAnswer,
  { kind: "status" | "alarm" | "hash" | "hashKv" | "defragment" | "downgrade" | "limits" }
>;

/** The body of an answer about maintenance. */
export function maintenanceBody(header: Header, answer: MaintenanceAnswer): string {
  // etcd fills in no header where there is nothing to tell.
  if (answer.kind === "defragment") return "{}";
  return JSON.stringify(maintenanceFields(header, answer));
}

/** The same by the names of its fields. */
export const maintenanceFields = (
  header: Header,
  answer: Exclude<MaintenanceAnswer, { kind: "defragment" }>,
): Readonly<Record<string, unknown>> => ({
  header: printHeader(header),
  ...printAnswer(answer),
});

function printAnswer(answer: Exclude<MaintenanceAnswer, { kind: "defragment" }>): object {
  switch (answer.kind) {
    case "status":
      return printStatus(answer.answer);
    case "alarm":
      return { alarms: printList(answer.alarms, printAlarm) };
    case "hash":
      return { hash: printHash(answer.hash) };
    case "hashKv":
      return printHashKv(answer.answer);
    case "downgrade":
      return { version: ETCD_VERSION.etcdcluster };
    case "limits":
      return {};
    default:
      return answer satisfies never;
  }
}

const printStatus = (status: StatusAnswer): object => ({
  version: ETCD_VERSION.etcdserver,
  dbSize: printInteger(status.sizeBytes),
  leader: status.leader === null ? undefined : printInteger(status.leader),
  raftIndex: printInteger(status.commit),
  raftTerm: printInteger(status.term),
  raftAppliedIndex: printInteger(status.applied),
  errors: printList(errorsOf(status), (error) => error),
  dbSizeInUse: printInteger(status.inUseBytes),
  isLearner: printFlag(status.isLearner),
  storageVersion: ETCD_VERSION.storage,
  dbSizeQuota: printInteger(status.quotaBytes),
  downgradeInfo: {},
});

function errorsOf({ leader, alarms }: StatusAnswer): string[] {
  const lost = leader === null ? [GATEWAY_ERRORS.noLeader.message] : [];
  return [...lost, ...alarms.map(alarmText)];
}

/** As protocol buffers print an alarm: each field with a space behind it. */
function alarmText({ member, alarm }: Alarm): string {
  const whose = member === 0n ? "" : `memberID:${member} `;
  return `${whose}alarm:${ALARM_NAMES[alarm]} `;
}

const printAlarm = ({ member, alarm }: Alarm): object => ({
  memberID: printInteger(member),
  alarm: ALARM_NAMES[alarm],
});

const printHashKv = ({ hash, compactRevision, hashRevision }: KvHash): object => ({
  hash: printHash(hash),
  compact_revision: printInteger(compactRevision),
  hash_revision: printInteger(hashRevision),
});

/** 32 bits are a number in JSON. */
const printHash = (hash: number): number | undefined => (hash === 0 ? undefined : hash);
