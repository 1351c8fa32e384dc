// Owns the bytes of Raft messages between replicas: one format version, then each message as its
// kind, its envelope and its own fields. Each has its length before it, so that code of an earlier
// version passes over kinds that it does not know and fields that were added behind the known ones:
// for minutes after a deploy two versions of the code form one cluster.

import { CodecError, Reader, Writer } from "../base/codec.ts";
import { asIncarnation, asLogIndex, asMemberId, asMilliseconds } from "../base/types.ts";
import { asRevision, asTerm, nextIndex } from "../base/types.ts";
import type { Bytes, Incarnation, LogIndex, MemberId, Term } from "../base/types.ts";
import { readEntries, writeEntries } from "./entry-codec.ts";
import type { AppendAnswer, Message } from "./types.ts";

const FORMAT_VERSION = 2;

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
  "timeoutNow",
  "quiesce",
  "wake",
  "readRequest",
  "readAnswer",
  "snapshot",
  "snapshotAnswer",
  "removed",
  "hashRequest",
  "hashAnswer",
] as const satisfies readonly Message["kind"][];

type Kind = Message["kind"];
type Of<K extends Kind> = Extract<Message, { kind: K }>;
type Fields<K extends Kind> = Omit<Of<K>, "kind" | "from" | "to" | "term">;

/** How the fields of one kind are written, and read back in the same order. */
interface FieldsCodec<K extends Kind> {
  readonly write: (writer: Writer, message: Of<K>) => void;
  readonly read: (reader: Reader) => Fields<K>;
}

const nothing = { write: () => {}, read: () => ({}) };

const grant = {
  write: (writer: Writer, { granted }: { granted: boolean }) => void writer.flag(granted),
  read: (reader: Reader) => ({ granted: reader.flag() }),
};

const CODECS: { readonly [K in Kind]: FieldsCodec<K> } = {
  preVote: {
    write: (writer, { lastIndex, lastTerm, urged }) =>
      void writer.uint(lastIndex).uint(lastTerm).flag(urged),
    read: (reader) => ({
      lastIndex: readIndex(reader),
      lastTerm: readTerm(reader),
      urged: reader.flag(),
    }),
  },
  preVoteAnswer: grant,
  vote: {
    write: (writer, { lastIndex, lastTerm, urged, handedOver }) =>
      void writer.uint(lastIndex).uint(lastTerm).flag(urged).flag(handedOver),
    read: (reader) => ({
      lastIndex: readIndex(reader),
      lastTerm: readTerm(reader),
      urged: reader.flag(),
      handedOver: reader.flag(),
    }),
  },
  voteAnswer: grant,
  append: {
    write: (writer, message) => {
      writer.uint(message.incarnation).uint(message.commit);
      writer.uint(message.previousIndex).uint(message.previousTerm);
      writeEntries(writer, nextIndex(message.previousIndex), message.entries);
    },
    read: readAppend,
  },
  appendAnswer: {
    write: (writer, { incarnation, index, rejected, isAwaited }) => {
      writeRejection(writer.uint(incarnation).uint(index), rejected);
      writer.flag(isAwaited);
    },
    read: (reader) => ({
      incarnation: readIncarnation(reader),
      index: readIndex(reader),
      rejected: readRejection(reader),
      isAwaited: readAwaited(reader),
    }),
  },
  heartbeat: {
    write: (writer, { incarnation, commit, round, sentAt }) =>
      void writer.uint(incarnation).uint(commit).uint(round).uint(Math.floor(sentAt)),
    read: (reader) => ({
      incarnation: readIncarnation(reader),
      commit: readIndex(reader),
      round: reader.uint(),
      sentAt: asMilliseconds(reader.uint()),
    }),
  },
  heartbeatAnswer: {
    write: (writer, { incarnation, round, sentAt, lastIndex, version, isFull, isAwaited }) => {
      writer.uint(incarnation).uint(round).uint(sentAt).uint(lastIndex).uint(version);
      writer.flag(isFull).flag(isAwaited);
    },
    read: (reader) => ({
      incarnation: readIncarnation(reader),
      round: reader.uint(),
      sentAt: asMilliseconds(reader.uint()),
      lastIndex: readIndex(reader),
      version: reader.uint(),
      // Code before version 3 does not say.
      isFull: !reader.done && reader.flag(),
      isAwaited: readAwaited(reader),
    }),
  },
  timeoutNow: {
    write: (writer, { incarnation }) => void writer.uint(incarnation),
    read: (reader) => ({ incarnation: readIncarnation(reader) }),
  },
  quiesce: {
    write: (writer, { incarnation, commit }) => void writer.uint(incarnation).uint(commit),
    read: (reader) => ({ incarnation: readIncarnation(reader), commit: readIndex(reader) }),
  },
  wake: nothing,
  readRequest: {
    write: (writer, { incarnation, round }) => void writer.uint(incarnation).uint(round),
    read: (reader) => ({ incarnation: readIncarnation(reader), round: reader.uint() }),
  },
  readAnswer: {
    write: (writer, { incarnation, round, index }) =>
      void writer.uint(incarnation).uint(round).uint(index),
    read: (reader) => ({
      incarnation: readIncarnation(reader),
      round: reader.uint(),
      index: readIndex(reader),
    }),
  },
  snapshot: {
    write: (writer, message) => {
      writer.uint(message.incarnation).text(message.snapshot);
      writer.uint(message.index).uint(message.indexTerm);
      writer.uint(message.part).bytes(message.data);
    },
    read: (reader) => ({
      incarnation: readIncarnation(reader),
      snapshot: reader.text(),
      index: readIndex(reader),
      indexTerm: readTerm(reader),
      part: reader.uint(),
      data: reader.bytes(),
    }),
  },
  snapshotAnswer: {
    write: (writer, { incarnation, snapshot, part, cursor, isDone }) =>
      void writer.uint(incarnation).text(snapshot).uint(part).bytes(cursor).flag(isDone),
    read: (reader) => ({
      incarnation: readIncarnation(reader),
      snapshot: reader.text(),
      part: reader.uint(),
      cursor: reader.bytes(),
      isDone: reader.flag(),
    }),
  },
  removed: nothing,
  hashRequest: {
    write: (writer, { method, index, revision, compacted }) =>
      void writer.uint(method).uint(index).uint(revision).int(compacted),
    read: (reader) => ({
      method: reader.uint(),
      index: readIndex(reader),
      revision: asRevision(reader.uint()),
      compacted: asRevision(reader.int()),
    }),
  },
  hashAnswer: {
    write: (writer, { index, revision, digest }) =>
      void writer.uint(index).uint(revision).bytes(digest),
    read: (reader) => ({
      index: readIndex(reader),
      revision: asRevision(reader.uint()),
      digest: reader.bytes(),
    }),
  },
};

/** A batch of messages, in order. */
export const encodeMessages = (messages: readonly Message[]): Bytes =>
  new Writer().byte(FORMAT_VERSION).list(messages, writeMessage).finish();

/**
 * The messages of a batch that this code knows.
 *
 * @throws CodecError on anything that no version of `encodeMessages` writes.
 */
export function decodeMessages(bytes: Uint8Array): Message[] {
  const reader = new Reader(bytes);
  const version = reader.byte();
  if (version !== FORMAT_VERSION) throw new CodecError(`unknown message format ${version}`);
  const messages = reader.list((source) => readMessage(source.sized()));
  reader.end();
  return messages.filter((message) => message !== null);
}

function writeMessage(writer: Writer, message: Message): void {
  writer.sized((body) => {
    const { kind, from, to, term } = message;
    body.byte(KINDS.indexOf(kind)).id(from).id(to).uint(term);
    codecOf(kind).write(body, message);
  });
}

function readMessage(reader: Reader): Message | null {
  const kind = KINDS[reader.byte()];
  if (kind === undefined) return null;
  const envelope = { from: readMember(reader), to: readMember(reader), term: readTerm(reader) };
  return { kind, ...envelope, ...codecOf(kind).read(reader) } as Message;
}

/** The codec of a kind, whose fields the compiler cannot tie to it once the kind is a variable. */
const codecOf = (kind: Kind): FieldsCodec<Kind> => CODECS[kind] as FieldsCodec<Kind>;

function readAppend(reader: Reader): Fields<"append"> {
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

/** Earlier code does not say, and is told as if somebody waited. */
const readAwaited = (reader: Reader): boolean => reader.done || reader.flag();

const readMember = (reader: Reader): MemberId => asMemberId(reader.id());
const readTerm = (reader: Reader): Term => asTerm(reader.uint());
const readIncarnation = (reader: Reader): Incarnation => asIncarnation(reader.uint());

function readIndex(reader: Reader): LogIndex {
  const index = reader.uint();
  // An index this high is damage; below it, the indexes of a message's entries are safe integers.
  if (index > 2 ** 52) throw new CodecError(`${index} is no index`);
  return asLogIndex(index);
}
