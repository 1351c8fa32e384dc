// Owns the bytes of calls that the router gathers, and of their answers: one array of bytes each way.
// The runtime would copy the objects themselves, field by field, at more than twice the cost. Calls
// are as in a session, with who asks and since when; answers too, but for those that a router follows.

import { concatBytes } from "../base/bytes.ts";
import { CodecError, Reader, Writer } from "../base/codec.ts";
import { asMemberId, asTerm, type Bytes } from "../base/types.ts";
import { readCredentials, writeCredentials } from "./credentials-codec.ts";
import { decodeDirectory, encodeDirectory } from "./directory.ts";
import type { ReplicaAnswer, ReplicaCall } from "./replica.ts";
import { readSessionAnswer, refusedAnswer, writeSessionAnswer } from "./session-answer-codec.ts";
import { readSessionCall, writeSessionCall } from "./session-call-codec.ts";
import {
  SESSION_RESULTS,
  type SessionAnswer,
  type SessionRequest,
  type SessionResult,
} from "./session-call.ts";

/** A call whose request sessions know too: others have no bytes. */
export type GatheredCall = ReplicaCall & { readonly request: SessionRequest };

export type GatheredAnswer =
  | ReplicaAnswer
  /** The call has thrown, and nobody knows what came of it. */
  | { readonly kind: "threw" }
  /** Of a read: with this answer they would be too long together. It has to be asked alone. */
  | { readonly kind: "tooLong" };

/** Of what follows. A router and its objects are of two versions for minutes after a deploy. */
const VERSION = 1;
/** Made anew each time: a stream takes what is put into it away. */
const head = (): Bytes => Uint8Array.of(VERSION);

const HAS_CREDENTIALS = 1;
const HAS_ASKED_AT = 2;

// Numbers are part of what two versions of the code speak: append, never change.
const THREW = 0;
const AS_IN_SESSION = 1;
const REDIRECT = 2;
const UNBORN = 3;
const REMOVED = 4;
const TOO_LONG = 5;

/**
 * One call, for `joinGatheredCalls`: by itself, so that one which has no bytes spoils no other. The
 * writer is empty before, and afterwards too, unless this throws: a new one would cost more.
 */
export function encodeGatheredCall(writer: Writer, call: GatheredCall): Bytes {
  const { credentials, askedAt } = call;
  const flags =
    (credentials === undefined ? 0 : HAS_CREDENTIALS) | (askedAt === undefined ? 0 : HAS_ASKED_AT);
  writer.byte(flags);
  if (credentials !== undefined) writeCredentials(writer, credentials);
  if (askedAt !== undefined) writer.uint(askedAt);
  writer.sized((body) => writeSessionCall(body, call));
  return writer.finishAndBegin();
}

export const joinGatheredCalls = (calls: readonly Bytes[]): Bytes =>
  concatBytes([head(), ...calls]);

/**
 * Null for what newer code has written.
 *
 * @throws CodecError for what no code has written.
 */
export function decodeGatheredCalls(bytes: Bytes): GatheredCall[] | null {
  const reader = new Reader(bytes);
  if (reader.byte() !== VERSION) return null;
  const calls: GatheredCall[] = [];
  while (!reader.done) {
    const call = readCall(reader);
    if (call === null) return null;
    calls.push(call);
  }
  return calls;
}

/** One answer, for `joinGatheredAnswers`. The writer is empty before, and afterwards. */
export function encodeGatheredAnswer(writer: Writer, answer: GatheredAnswer): Bytes {
  writeAnswer(writer, answer);
  return writer.finishAndBegin();
}

/** What follows one another is the bytes of all, in the order of their calls. */
export const joinGatheredAnswers = (answers: readonly Bytes[]): Bytes[] => [head(), ...answers];

/** @throws CodecError for what this code does not understand. */
export function decodeGatheredAnswers(bytes: Bytes): GatheredAnswer[] {
  const reader = new Reader(bytes);
  if (reader.byte() !== VERSION) throw new CodecError("answers of newer code");
  const answers: GatheredAnswer[] = [];
  while (!reader.done) answers.push(readAnswer(reader));
  return answers;
}

/** Null for a kind of request that this code does not know. */
function readCall(reader: Reader): GatheredCall | null {
  const flags = reader.byte();
  if (flags > (HAS_CREDENTIALS | HAS_ASKED_AT)) throw new CodecError(`${flags} are no flags`);
  const credentials =
    (flags & HAS_CREDENTIALS) === 0 ? {} : { credentials: readCredentials(reader) };
  const askedAt = (flags & HAS_ASKED_AT) === 0 ? {} : { askedAt: reader.uint() };
  const call = readSessionCall(reader.sized());
  return call === null ? null : { ...call, ...credentials, ...askedAt };
}

function writeAnswer(writer: Writer, answer: GatheredAnswer): void {
  switch (answer.kind) {
    case "answered": {
      const result = resultOf(answer.answer);
      return writeAsInSession(writer, { kind: "answered", header: answer.header, result });
    }
    case "refused":
      return writeAsInSession(writer, refusedAnswer(answer.refusal, answer.header));
    case "overwritten":
    case "timeout":
      return writeAsInSession(writer, answer);
    case "redirect": {
      const { leader, term, directory } = answer;
      writer.byte(REDIRECT).flag(leader !== null);
      if (leader !== null) writer.id(leader);
      return void writer.uint(term).text(encodeDirectory(directory));
    }
    case "unborn":
      return void writer.byte(UNBORN);
    case "threw":
      return void writer.byte(THREW);
    case "tooLong":
      return void writer.byte(TOO_LONG);
    case "removed":
      return void writer.byte(REMOVED).text(encodeDirectory(answer.directory));
    default:
      answer satisfies never;
  }
}

function writeAsInSession(writer: Writer, answer: SessionAnswer): void {
  writer.byte(AS_IN_SESSION).sized((body) => writeSessionAnswer(body, answer));
}

function readAnswer(reader: Reader): GatheredAnswer {
  const tag = reader.byte();
  switch (tag) {
    case THREW:
      return { kind: "threw" };
    case TOO_LONG:
      return { kind: "tooLong" };
    case AS_IN_SESSION:
      return answerIn(reader.sized());
    case REDIRECT:
      return {
        kind: "redirect",
        leader: reader.flag() ? asMemberId(reader.id()) : null,
        term: asTerm(reader.uint()),
        directory: decodeDirectory(reader.text()),
      };
    case UNBORN:
      return { kind: "unborn" };
    case REMOVED:
      return { kind: "removed", directory: decodeDirectory(reader.text()) };
    default:
      throw new CodecError(`${tag} is no outcome of a call`);
  }
}

function answerIn(reader: Reader): ReplicaAnswer {
  const said = readSessionAnswer(reader);
  reader.end();
  switch (said.kind) {
    case "answered":
      return { kind: "answered", header: said.header, answer: said.result };
    case "refused":
      if (said.refusal === null) throw new CodecError("a refusal of newer code");
      return { kind: "refused", header: said.header, refusal: said.refusal };
    case "overwritten":
    case "timeout":
      return said;
    case "redirect":
    case "unsupported":
      throw new CodecError(`${said.kind} is of sessions only`);
    default:
      return said satisfies never;
  }
}

function resultOf(answer: { readonly kind: string }): SessionResult {
  const isResult = (SESSION_RESULTS as readonly string[]).includes(answer.kind);
  if (!isResult) throw new CodecError(`${answer.kind} is no result of a gathered call`);
  return answer as SessionResult;
}
