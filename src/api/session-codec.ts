// Owns the bytes of the session protocol: frames as `session.ts` names them, several to a message.
// A frame is one tag byte and its fields; a message is frames one after another until its end.

import { assert } from "../base/assert.ts";
import { CodecError, Reader, Writer } from "../base/codec.ts";
import { SESSION_MESSAGE_BYTES_MAX, SESSION_MESSAGE_FRAMES_MAX } from "../base/limits.ts";
import { readCredentials, writeCredentials } from "./credentials-codec.ts";
import { readKeyValue, writeKeyValue } from "../base/kv-codec.ts";
import { readWatchSpec, writeWatchSpec } from "../base/watch-codec.ts";
import { asClusterId, asMemberId, asRevision, asTerm, type Bytes } from "../base/types.ts";
import type { WatchCancelCause, WatchDelivery, WatchEvent } from "../base/watch.ts";
import type { ReceiverFrame, ReplicaFrame } from "./session.ts";
import { readSessionCall, writeSessionCall } from "./session-call-codec.ts";

// Tags are part of the protocol: append, never change. The two directions count separately.
const HELLO = 1;
const WATCH = 2;
const CANCEL = 3;
const PROGRESS = 4;
const ACK = 5;
const WATCH_AS = 6;
const REQUEST = 7;
const TAKEN = 8;

const WELCOME = 1;
const DELIVERY = 2;
const ANSWER = 3;

const DELIVERY_CREATED = 1;
const DELIVERY_EVENTS = 2;
const DELIVERY_PROGRESS = 3;
const DELIVERY_CANCELED = 4;

const WATCH_NUMBER_MAX = 2 ** 32 - 1;

const CAUSE_ASKED = 0;
const CAUSE_COMPACTED = 1;
const CAUSE_REFUSED = 2;

/** One message to a replica. */
export function encodeReceiverFrames(frames: readonly ReceiverFrame[]): Bytes {
  const writer = new Writer();
  for (const frame of frames) writeReceiverFrame(writer, frame);
  return writer.finish();
}

/** The frames of one message to a replica. @throws CodecError when it is malformed, or too large. */
export function decodeReceiverFrames(message: Uint8Array): ReceiverFrame[] {
  if (message.length > SESSION_MESSAGE_BYTES_MAX) throw new CodecError("the message is too large");
  return readAll(message, readReceiverFrame, SESSION_MESSAGE_FRAMES_MAX);
}

/** One message of a replica. */
export function encodeReplicaFrames(frames: readonly ReplicaFrame[]): Bytes {
  const writer = new Writer();
  for (const frame of frames) writeReplicaFrame(writer, frame);
  return writer.finish();
}

/**
 * Frames as messages of bounded size: the platform carries 32 MiB at once, of which one large answer
 * takes its part. The writer is an empty one, and is so again; who writes to many passes one for all.
 */
export const messagesOf = (frames: readonly ReplicaFrame[], writer = new Writer()): Bytes[] =>
  pack({ frames, writer }, writeReplicaFrame, {
    bytes: SESSION_MESSAGE_BYTES_MAX,
    frames: Infinity,
  });

/** The same to a replica, which takes no larger ones: the largest request is half of one. */
export const receiverMessagesOf = (frames: readonly ReceiverFrame[]): Bytes[] =>
  pack({ frames, writer: new Writer() }, writeReceiverFrame, {
    bytes: SESSION_MESSAGE_BYTES_MAX / 4,
    frames: SESSION_MESSAGE_FRAMES_MAX,
  });

/** A message ends once it has so many bytes or frames. */
function pack<Frame>(
  { frames, writer }: { readonly frames: readonly Frame[]; readonly writer: Writer },
  write: (writer: Writer, frame: Frame) => void,
  enough: { readonly bytes: number; readonly frames: number },
): Bytes[] {
  const messages: Bytes[] = [];
  let count = 0;
  for (const frame of frames) {
    if (writer.length >= enough.bytes || count === enough.frames) {
      messages.push(writer.finishAndBegin());
      count = 0;
    }
    write(writer, frame);
    count++;
  }
  if (count > 0) messages.push(writer.finishAndBegin());
  return messages;
}

/** The frames of one message of a replica. @throws CodecError when it is malformed. */
export const decodeReplicaFrames = (message: Uint8Array): ReplicaFrame[] =>
  readAll(message, readReplicaFrame);

function readAll<Frame>(
  message: Uint8Array,
  read: (reader: Reader) => Frame,
  framesMax = Infinity,
): Frame[] {
  const reader = new Reader(message);
  const frames: Frame[] = [];
  while (!reader.done) {
    if (frames.length === framesMax) throw new CodecError("the message has too many frames");
    frames.push(read(reader));
  }
  return frames;
}

function writeReceiverFrame(writer: Writer, frame: ReceiverFrame): void {
  switch (frame.kind) {
    case "hello":
      writer.byte(HELLO).uint(frame.version);
      return;
    case "watch":
      writeWatch(writer, frame);
      return;
    case "cancel":
      writer.byte(CANCEL).uint(frame.watch);
      return;
    case "progress":
      writer.byte(PROGRESS);
      return;
    case "ack":
      writer.byte(ACK).uint(frame.sequence);
      return;
    case "request": {
      const { call } = frame;
      assert(call !== null, "only what is known is asked for");
      writer
        .byte(REQUEST)
        .uint(frame.request)
        .sized((body) => writeSessionCall(body, call));
      return;
    }
    case "taken":
      writer.byte(TAKEN).uint(frame.bytes);
      return;
    default:
      frame satisfies never;
  }
}

/** Without credentials as code writes it, and reads it, that knows of none. */
function writeWatch(writer: Writer, frame: Extract<ReceiverFrame, { kind: "watch" }>): void {
  const { watch, spec, credentials = { kind: "none" }, isResumed = false } = frame;
  const isKnown = credentials.kind !== "none";
  writer.byte(isKnown ? WATCH_AS : WATCH).uint(watch);
  if (isKnown) writeCredentials(writer.flag(isResumed), credentials);
  writeWatchSpec(writer, spec);
}

/** Deliveries and checkpoints repeat it, so it must be one that they can hold. */
function readWatchNumber(reader: Reader): number {
  const watch = reader.uint();
  if (watch > WATCH_NUMBER_MAX) throw new CodecError(`${watch} is too large a number of a watch`);
  return watch;
}

function readWatchAs(reader: Reader): ReceiverFrame {
  const watch = readWatchNumber(reader);
  const isResumed = reader.flag();
  const credentials = readCredentials(reader);
  return { kind: "watch", watch, spec: readWatchSpec(reader), credentials, isResumed };
}

function readReceiverFrame(reader: Reader): ReceiverFrame {
  const tag = reader.byte();
  switch (tag) {
    case HELLO:
      return { kind: "hello", version: reader.uint() };
    case WATCH:
      return { kind: "watch", watch: readWatchNumber(reader), spec: readWatchSpec(reader) };
    case WATCH_AS:
      return readWatchAs(reader);
    case CANCEL:
      return { kind: "cancel", watch: reader.uint() };
    case PROGRESS:
      return { kind: "progress" };
    case ACK:
      return { kind: "ack", sequence: reader.uint() };
    case REQUEST: {
      const request = reader.uint();
      const body = reader.sized();
      const { length: bytes } = body;
      return { kind: "request", request, call: readSessionCall(body), bytes };
    }
    case TAKEN:
      return { kind: "taken", bytes: reader.uint() };
    default:
      throw new CodecError(`${tag} is not a frame of a receiver`);
  }
}

function writeReplicaFrame(writer: Writer, frame: ReplicaFrame): void {
  switch (frame.kind) {
    case "welcome":
      writer.byte(WELCOME).uint(frame.version).id(frame.clusterId).id(frame.memberId);
      writer.uint(frame.term).uint(frame.revision);
      return;
    case "delivery":
      writer.byte(DELIVERY).uint(frame.sequence).uint(frame.term);
      writeDelivery(writer, frame.delivery);
      return;
    case "answer":
      writer.byte(ANSWER).uint(frame.request).bytes(frame.body);
      return;
    default:
      frame satisfies never;
  }
}

function readReplicaFrame(reader: Reader): ReplicaFrame {
  const tag = reader.byte();
  switch (tag) {
    case WELCOME:
      return {
        kind: "welcome",
        version: reader.uint(),
        clusterId: asClusterId(reader.id()),
        memberId: asMemberId(reader.id()),
        term: asTerm(reader.uint()),
        revision: asRevision(reader.uint()),
      };
    case DELIVERY:
      return {
        kind: "delivery",
        sequence: reader.uint(),
        term: asTerm(reader.uint()),
        delivery: readDelivery(reader),
      };
    case ANSWER:
      return { kind: "answer", request: reader.uint(), body: reader.bytes() };
    default:
      throw new CodecError(`${tag} is not a frame of a replica`);
  }
}

/** `watch` is signed: ALL_WATCHES is -1. */
function writeDelivery(writer: Writer, delivery: WatchDelivery): void {
  switch (delivery.kind) {
    case "created":
      writer.byte(DELIVERY_CREATED).int(delivery.watch).uint(delivery.revision);
      return;
    case "events":
      writer.byte(DELIVERY_EVENTS).int(delivery.watch).uint(delivery.revision);
      writer.flag(delivery.partial).list(delivery.events, writeEvent);
      return;
    case "progress":
      writer.byte(DELIVERY_PROGRESS).int(delivery.watch).uint(delivery.revision);
      return;
    case "canceled":
      writer.byte(DELIVERY_CANCELED).int(delivery.watch).uint(delivery.revision);
      writeCause(writer, delivery.cause);
      return;
    default:
      delivery satisfies never;
  }
}

function readDelivery(reader: Reader): WatchDelivery {
  const tag = reader.byte();
  const watch = reader.int();
  const revision = asRevision(reader.uint());
  switch (tag) {
    case DELIVERY_CREATED:
      return { kind: "created", watch, revision };
    case DELIVERY_EVENTS: {
      const partial = reader.flag();
      return { kind: "events", watch, revision, partial, events: reader.list(readEvent) };
    }
    case DELIVERY_PROGRESS:
      return { kind: "progress", watch, revision };
    case DELIVERY_CANCELED:
      return { kind: "canceled", watch, revision, cause: readCause(reader) };
    default:
      throw new CodecError(`${tag} is not a delivery`);
  }
}

function writeCause(writer: Writer, cause: WatchCancelCause): void {
  switch (cause.kind) {
    case "asked":
      writer.byte(CAUSE_ASKED);
      return;
    case "compacted":
      writer.byte(CAUSE_COMPACTED).uint(cause.compactRevision);
      return;
    case "refused":
      writer.byte(CAUSE_REFUSED).text(cause.reason);
      return;
    default:
      cause satisfies never;
  }
}

function readCause(reader: Reader): WatchCancelCause {
  const tag = reader.byte();
  switch (tag) {
    case CAUSE_ASKED:
      return { kind: "asked" };
    case CAUSE_COMPACTED:
      return { kind: "compacted", compactRevision: asRevision(reader.uint()) };
    case CAUSE_REFUSED:
      return { kind: "refused", reason: reader.text() };
    default:
      throw new CodecError(`${tag} is not a cause`);
  }
}

const EVENT_DELETE = 1;
const EVENT_HAS_PREVIOUS = 2;

function writeEvent(writer: Writer, event: WatchEvent): void {
  const flags =
    (event.kind === "delete" ? EVENT_DELETE : 0) | (event.prevKv === null ? 0 : EVENT_HAS_PREVIOUS);
  writer.byte(flags);
  writeKeyValue(writer, event.kv);
  if (event.prevKv !== null) writeKeyValue(writer, event.prevKv);
}

function readEvent(reader: Reader): WatchEvent {
  const flags = reader.byte();
  if (flags > (EVENT_DELETE | EVENT_HAS_PREVIOUS)) throw new CodecError(`${flags} is no event`);
  const kind = (flags & EVENT_DELETE) === 0 ? "put" : "delete";
  const kv = readKeyValue(reader);
  return { kind, kv, prevKv: (flags & EVENT_HAS_PREVIOUS) === 0 ? null : readKeyValue(reader) };
}
