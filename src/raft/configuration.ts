// Owns changes of who takes part (Raft §6, thesis chapter 4): which change may follow which
// configuration, and the head of the entry that carries one. An entry takes effect when it is
// applied, as in etcd/raft. What else a change says, where a member lives for instance, is the
// state machine's and follows the head.
//
//   voters a b c  --one voter more or less-->  a b c d                       (simple)
//   voters a b c  --any other change-->        a d e, outgoing a b c  -->  a d e   (joint)

import { assert } from "../base/assert.ts";
import { Reader, Writer } from "../base/codec.ts";
import { ENTRY_CONFIGURATION } from "../base/entry-kinds.ts";
import { asMemberId, type Bytes, type MemberId } from "../base/types.ts";
import type { Configuration, Entry, Payload } from "./types.ts";

/** The configuration that leads to `voters` and `learners`: by one step, or jointly. */
export function nextConfiguration(
  from: Configuration,
  to: Pick<Configuration, "voters" | "learners">,
): Configuration {
  const outgoing = differences(from.voters, to.voters) > 1 ? from.voters : [];
  return { ...to, outgoing };
}

/** The configuration that ends a joint one. */
export const leaveJoint = (joint: Configuration): Configuration => ({ ...joint, outgoing: [] });

/**
 * Asserts that decisions before and after a change intersect: one voter at a time, or a joint
 * configuration with the old voters, or the end of one (thesis §4.1, §4.3).
 */
export function assertFollows(from: Configuration, to: Configuration): void {
  assert(to.voters.length > 0, "a configuration has voters");
  const all = [...to.voters, ...to.learners];
  assert(new Set(all).size === all.length, "a member is listed once");
  if (from.outgoing.length > 0) {
    const stays = to.outgoing.length === 0 && differences(from.voters, to.voters) === 0;
    assert(stays, "a joint configuration is left before the next change");
  } else if (to.outgoing.length > 0) {
    assert(differences(from.voters, to.outgoing) === 0, "a joint change goes out from the voters");
  } else {
    assert(differences(from.voters, to.voters) <= 1, "a simple change concerns one voter");
  }
}

/** An entry that changes the configuration; `rest` is the state machine's. */
export function configurationPayload(configuration: Configuration, rest: Bytes): Payload {
  const { voters, outgoing, learners } = configuration;
  const writer = new Writer();
  for (const list of [voters, outgoing, learners]) writer.list(list, writeId);
  return { kind: ENTRY_CONFIGURATION, data: writer.raw(rest).finish() };
}

/** What the entry carries, if it is one that changes the configuration. */
export function readConfiguration(
  entry: Pick<Entry, "kind" | "data">,
): { readonly configuration: Configuration; readonly rest: Bytes } | null {
  if (entry.kind !== ENTRY_CONFIGURATION) return null;
  const reader = new Reader(entry.data);
  const voters = reader.list(readId);
  const outgoing = reader.list(readId);
  const learners = reader.list(readId);
  return { configuration: { voters, outgoing, learners }, rest: reader.rest() };
}

function differences(a: readonly MemberId[], b: readonly MemberId[]): number {
  const left = a.filter((id) => !b.includes(id)).length;
  return left + b.filter((id) => !a.includes(id)).length;
}

const writeId = (writer: Writer, id: MemberId): Writer => writer.id(id);
const readId = (reader: Reader): MemberId => asMemberId(reader.id());
