// Owns what applying a command answers, and its bytes: answers are remembered for repeats.

import type { AuthAnswer } from "../base/auth.ts";
import type { Alarm } from "../base/alarm.ts";
import { readAlarm, writeAlarm } from "../base/alarm-codec.ts";
import type { ClusterLimits } from "../base/cluster-limits.ts";
import { Reader, Writer } from "../base/codec.ts";
import type { DeleteRangeAnswer, PutAnswer, TxnAnswer } from "../base/kv.ts";
import {
  readDeleteRangeAnswer,
  readPutAnswer,
  readRefusal,
  writeDeleteRangeAnswer,
  writePutAnswer,
  writeRefusal,
} from "../base/kv-codec.ts";
import { readLimits, writeLimits } from "../base/limits-codec.ts";
import { readTxnAnswer, writeTxnAnswer } from "../base/txn-codec.ts";
import type { LeaseGrantAnswer } from "../base/lease.ts";
import type { Refusal } from "../base/refusal.ts";
import { accept, refuse, type Result } from "../base/result.ts";
import { asLeaseId, type Bytes } from "../base/types.ts";
import type { Command } from "./command.ts";

export type CommandAnswer =
  | { readonly kind: "put"; readonly answer: PutAnswer }
  | { readonly kind: "deleteRange"; readonly answer: DeleteRangeAnswer }
  | { readonly kind: "txn"; readonly answer: TxnAnswer }
  | { readonly kind: "compact" }
  | { readonly kind: "leaseGrant"; readonly answer: LeaseGrantAnswer }
  | { readonly kind: "leaseRevoke" }
  /** What the members are now, the leader tells. */
  | { readonly kind: "membership" }
  | { readonly kind: "version" }
  | { readonly kind: "auth"; readonly answer: AuthAnswer }
  /** The alarms that were touched. */
  | { readonly kind: "alarm"; readonly alarms: readonly Alarm[] }
  | { readonly kind: "limits"; readonly limits: ClusterLimits };

export type Outcome = Result<CommandAnswer, Refusal>;

/** Wire order of the kinds: append only. `null` is a refusal. */
const KINDS = [
  null,
  "put",
  "deleteRange",
  "txn",
  "compact",
  "leaseGrant",
  "leaseRevoke",
  "membership",
  "version",
  "auth",
  "alarm",
  "limits",
] as const;

export function encodeOutcome(outcome: Outcome): Bytes {
  const writer = new Writer();
  if (!outcome.ok) {
    writeRefusal(writer.byte(0), outcome.error);
    return writer.finish();
  }
  const { value } = outcome;
  writer.byte(KINDS.indexOf(value.kind));
  switch (value.kind) {
    case "put":
      writePutAnswer(writer, value.answer);
      break;
    case "deleteRange":
      writeDeleteRangeAnswer(writer, value.answer);
      break;
    case "txn":
      writeTxnAnswer(writer, value.answer);
      break;
    case "leaseGrant":
      writer.id(value.answer.id).uint(value.answer.ttlSeconds);
      break;
    case "auth":
      // A change is answered by a token, or by nothing. The token itself would stand in the history
      // for good: its end is kept, and whoever repeats the request has the letters before that.
      writer.text(value.answer.op === "token" ? endOf(value.answer.token) : "");
      break;
    case "alarm":
      writer.list(value.alarms, writeAlarm);
      break;
    case "limits":
      writeLimits(writer, value.limits);
      break;
    case "compact":
    case "leaseRevoke":
    case "membership":
    case "version":
      break;
    default:
      value satisfies never;
  }
  return writer.finish();
}

const endOf = (token: string): string => token.slice(token.indexOf("."));

/** Of the same `command`. @throws CodecError when the bytes are not an outcome. */
export function decodeOutcome(bytes: Bytes, command: Command): Outcome {
  const reader = new Reader(bytes);
  const kind = KINDS[reader.byte()] ?? null;
  switch (kind) {
    case null:
      return refuse(readRefusal(reader));
    case "put":
      return accept({ kind, answer: readPutAnswer(reader) });
    case "deleteRange":
      return accept({ kind, answer: readDeleteRangeAnswer(reader) });
    case "txn":
      return accept({ kind, answer: readTxnAnswer(reader) });
    case "leaseGrant": {
      const id = asLeaseId(reader.signedId());
      return accept({ kind, answer: { id, ttlSeconds: reader.uint() } });
    }
    case "auth": {
      const end = reader.text();
      const token = `${lettersIn(command)}${end}`;
      return accept({ kind, answer: end === "" ? { op: "done" } : { op: "token", token } });
    }
    case "alarm":
      return accept({ kind, alarms: reader.list(readAlarm) });
    case "limits":
      return accept({ kind, limits: readLimits(reader) });
    case "compact":
    case "leaseRevoke":
    case "membership":
    case "version":
      return accept({ kind });
    default:
      return kind satisfies never;
  }
}

const lettersIn = (command: Command): string =>
  command.kind === "auth" && command.request.op === "issueToken" ? command.request.letters : "";

/** The outcome of an earlier application, as far as it was kept. */
export const recall = (answer: Bytes, command: Command): Outcome =>
  answer.length > 0 ? decodeOutcome(answer, command) : refuse("answerForgotten");
