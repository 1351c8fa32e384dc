// Owns what a follower does with its leader's messages (Raft §5.3). Whether the sender may lead at
// all, by term and incarnation, is `roles.ts`'s affair. Every message gets exactly one answer, even
// a repeated one: the sender may not have had the first.

import { asLogIndex, asMilliseconds } from "../base/types.ts";
import type { Core } from "./core.ts";
import type { AppendAnswer, AppendMessage, HeartbeatMessage, LeaderMessage } from "./types.ts";

/** Takes over entries that follow on what is here, or says where the logs may agree. */
export function followAppend(core: Core, message: AppendMessage): void {
  const { log } = core;
  const previous = { index: message.previousIndex, term: message.previousTerm };
  if (!log.matches(previous)) {
    const hint = log.hintFor(previous);
    const rejected = { hintIndex: hint.index, hintTerm: hint.term };
    return answerAppend(core, message, { index: previous.index, rejected });
  }
  log.merge(message.entries);
  // Entries behind the last verified one may stem from another leader: they are not committed,
  // whatever the leader's commit index (Raft figure 2, AppendEntries 5).
  const verified = asLogIndex(previous.index + message.entries.length);
  log.commitTo(asLogIndex(Math.min(message.commit, verified)));
  answerAppend(core, message, { index: verified, rejected: null });
}

/** A heartbeat's commit index is known to match here, so it counts as it stands. */
export function followHeartbeat(core: Core, message: HeartbeatMessage): void {
  core.log.commitTo(message.commit);
  core.outbox.send({
    kind: "heartbeatAnswer",
    to: message.from,
    term: core.ballot.term,
    incarnation: message.incarnation,
    round: message.round,
    sentAt: message.sentAt,
    lastIndex: core.log.lastIndex,
    version: core.version,
    isFull: core.isFull,
    isAwaited: core.isAwaited,
  });
}

/**
 * Answers a leader whose term is over, so that it learns of the later one: as to a heartbeat, and
 * confirming nothing. Should the sender lead that later term by now, an answer to an append would be
 * taken for news of this log.
 */
export function refuseStaleLeader(core: Core, message: LeaderMessage): void {
  core.outbox.send({
    kind: "heartbeatAnswer",
    to: message.from,
    term: core.ballot.term,
    incarnation: message.incarnation,
    round: 0,
    sentAt: asMilliseconds(0),
    lastIndex: core.log.lastIndex,
    version: core.version,
    isFull: core.isFull,
    isAwaited: core.isAwaited,
  });
}

function answerAppend(
  core: Core,
  message: AppendMessage,
  outcome: Pick<AppendAnswer, "index" | "rejected">,
): void {
  core.outbox.send({
    kind: "appendAnswer",
    to: message.from,
    term: core.ballot.term,
    incarnation: message.incarnation,
    isAwaited: core.isAwaited,
    ...outcome,
  });
}
