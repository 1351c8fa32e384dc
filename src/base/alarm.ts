// Owns the words of alarms: what is wrong with which member. While one is active, writes are refused
// (see `apply/guard.ts`).

import type { MemberId } from "./types.ts";

/** In etcd's words NOSPACE and CORRUPT. The order is the wire order: append only. */
export const ALARM_KINDS = ["noSpace", "corrupt"] as const;
export type AlarmKind = (typeof ALARM_KINDS)[number];

export interface Alarm {
  /** Whom it is about; 0 and ids of nobody are kept as well, as in etcd. */
  readonly member: MemberId;
  readonly alarm: AlarmKind;
}
