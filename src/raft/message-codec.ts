// Owns the bytes of Raft messages between replicas: one format version, then each message of a
// batch as its kind, its envelope and its own fields.

import { CodecError, Reader, Writer } from "../base/codec.ts";
import { asIncarnation, asLogIndex, asMemberId, asTerm, nextIndex } from "../base/types.ts";
import type { Bytes, Incarnation, LogIndex, MemberId, Term } from "../base/types.ts";
import { readEntries, writeEntries } from "./entry-codec.ts";
import type { AppendAnswer, Message } from "./types.ts";

const FORMAT_VERSION = 1;

/** The wire numbers of the kinds: append, never reorder. */
const KINDS = [
  "preVote",
  "preVoteAnswer",
  "vote",
  "voteAnswer",
  "append",
  "appendAnswer",
  "heartbeat",
  "heartbeatAnswer",
] as const satisfies readonly Message["kind"][];

/** A batch of messages, in order. */
export const encodeMessages = (messages: readonly Message[]): Bytes =>
  new Writer().byte(FORMAT_VERSION).list(messages, writeMessage).finish();

/** @throws CodecError on anything that `encodeMessages` does not write. */
export function decodeMessages(bytes: Uint8Array): Message[] {
  const reader = new Reader(bytes);
  const version = reader.byte();
  if (version !== FORMAT_VERSION) throw new CodecError(`unknown message format ${version}`);
  const messages = reader.list(readMessage);
  reader.end();
  return messages;
}

function writeMessage(writer: Writer, message: Message): void {
  writer.byte(KINDS.indexOf(message.kind)).id(message.from).id(message.to).uint(message.term);
  switch (message.kind) {
    case "preVote":
    case "vote":
      writer.uint(message.lastIndex).uint(message.lastTerm).flag(message.urged);
      return;
    case "preVoteAnswer":
    case "voteAnswer":
      writer.flag(message.granted);
      return;
    case "append":
      writer.uint(message.incarnation).uint(message.commit);
      writer.uint(message.previousIndex).uint(message.previousTerm);
      writeEntries(writer, nextIndex(message.previousIndex), message.entries);
      return;
    case "appendAnswer":
      writer.uint(message.incarnation).uint(message.index);
      writeRejection(writer, message.rejected);
      return;
    case "heartbeat":
      writer.uint(message.incarnation).uint(message.commit).uint(message.round);
      return;
    case "heartbeatAnswer":
      writer.uint(message.incarnation).uint(message.round).uint(message.lastIndex);
      return;
    default:
      message satisfies never;
  }
}

function readMessage(reader: Reader): Message {
  const number = reader.byte();
  const kind = KINDS[number];
  if (kind === undefined) throw new CodecError(`unknown kind of message ${number}`);
  const envelope = { from: readMember(reader), to: readMember(reader), term: readTerm(reader) };
  switch (kind) {
    case "preVote":
    case "vote":
      return {
        kind,
        ...envelope,
        lastIndex: readIndex(reader),
        lastTerm: readTerm(reader),
        urged: reader.flag(),
      };
    case "preVoteAnswer":
    case "voteAnswer":
      return { kind, ...envelope, granted: reader.flag() };
    case "append":
      return { kind, ...envelope, ...readAppend(reader) };
    case "appendAnswer":
      return {
        kind,
        ...envelope,
        incarnation: readIncarnation(reader),
        index: readIndex(reader),
        rejected: readRejection(reader),
      };
    case "heartbeat":
      return {
        kind,
        ...envelope,
        incarnation: readIncarnation(reader),
        commit: readIndex(reader),
        round: reader.uint(),
      };
    case "heartbeatAnswer":
      return {
        kind,
        ...envelope,
        incarnation: readIncarnation(reader),
        round: reader.uint(),
        lastIndex: readIndex(reader),
      };
    default:
      return kind satisfies never;
  }
}

function readAppend(reader: Reader) {
  const incarnation = readIncarnation(reader);
  const commit = readIndex(reader);
  const previousIndex = readIndex(reader);
  const previousTerm = readTerm(reader);
  const entries = readEntries(reader, nextIndex(previousIndex));
  return { incarnation, commit, previousIndex, previousTerm, entries };
}

function writeRejection(writer: Writer, rejected: AppendAnswer["rejected"]): void {
  writer.flag(rejected !== null);
  if (rejected !== null) writer.uint(rejected.hintIndex).uint(rejected.hintTerm);
}

function readRejection(reader: Reader): AppendAnswer["rejected"] {
  if (!reader.flag()) return null;
  return { hintIndex: readIndex(reader), hintTerm: readTerm(reader) };
}

const readMember = (reader: Reader): MemberId => asMemberId(reader.id());
const readTerm = (reader: Reader): Term => asTerm(reader.uint());
const readIncarnation = (reader: Reader): Incarnation => asIncarnation(reader.uint());

function readIndex(reader: Reader): LogIndex {
  const index = reader.uint();
  // An index this high is damage; below it, the indexes of a message's entries are safe integers.
  if (index > 2 ** 52) throw new CodecError(`${index} is no index`);
  return asLogIndex(index);
}
