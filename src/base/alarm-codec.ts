// Owns the bytes of alarms: in entries, in answers that are kept, in snapshots.

import { ALARM_KINDS, type Alarm } from "./alarm.ts";
import { present } from "./assert.ts";
import type { Reader, Writer } from "./codec.ts";
import { asMemberId } from "./types.ts";

export const writeAlarm = (writer: Writer, { member, alarm }: Alarm): Writer =>
  writer.id(member).byte(ALARM_KINDS.indexOf(alarm));

/** @throws InvariantError for a kind of alarm that this code does not know. */
export const readAlarm = (reader: Reader): Alarm => ({
  member: asMemberId(reader.id()),
  alarm: present(ALARM_KINDS[reader.byte()], "the kind of alarm is known to this code"),
});
