// Owns the alarms that are active: replicated, so that every replica refuses the same entries.

import { ALARM_KINDS, type Alarm, type AlarmKind } from "../base/alarm.ts";
import { readAlarm, writeAlarm } from "../base/alarm-codec.ts";
import { Reader, Writer } from "../base/codec.ts";
import type { SqlPort } from "../base/ports.ts";
import { asMemberId, type Bytes, type MemberId } from "../base/types.ts";
import type { Unversioned } from "../base/unversioned.ts";

/** An alarm that a leader has raised by itself is `automatic`: a leader may lower it by itself. */
interface ActiveAlarm extends Alarm {
  readonly automatic: boolean;
}

export class Alarms {
  readonly #sql: SqlPort;
  #active: readonly ActiveAlarm[];
  /** How often each kind was raised since this was made, whether or not it still is. */
  readonly #raised = new Map<AlarmKind, number>();

  constructor(sql: SqlPort) {
    this.#sql = sql;
    this.#active = readRows(sql);
  }

  /** The active ones, by member and kind. */
  get active(): readonly Alarm[] {
    return this.#active.map(({ member, alarm }) => ({ member, alarm }));
  }

  /** Those that a leader has raised. */
  automatic(kind: AlarmKind): readonly Alarm[] {
    return this.#active.filter(({ alarm, automatic }) => automatic && alarm === kind);
  }

  /** Whether any member has this alarm. */
  has(kind: AlarmKind): boolean {
    return this.#active.some(({ alarm }) => alarm === kind);
  }

  /** Tells whether an alarm was raised since this was asked last: it may be lowered again by now. */
  timesRaised(kind: AlarmKind): number {
    return this.#raised.get(kind) ?? 0;
  }

  isActive({ member, alarm }: Alarm): boolean {
    return this.#active.some((each) => each.member === member && each.alarm === alarm);
  }

  /** Raises or lowers an alarm; returns those that this touched, as etcd tells them. */
  change(change: ActiveAlarm & { readonly raises: boolean }): Alarm[] {
    const { raises, member, alarm, automatic } = change;
    if (raises) {
      this.#raised.set(alarm, this.timesRaised(alarm) + 1);
      this.#activate({ member, alarm, automatic });
    } else if (!this.#deactivate({ member, alarm, automatic })) return [];
    return [{ member, alarm }];
  }

  /** One that somebody wants as well stays until somebody lowers it. */
  #activate(alarm: ActiveAlarm): void {
    const before = this.#find(alarm);
    const automatic = alarm.automatic && (before?.automatic ?? true);
    if (before?.automatic === automatic) return;
    this.#sql.run(
      "INSERT OR REPLACE INTO alarm (member, alarm, automatic) VALUES (?, ?, ?)",
      alarm.member.toString(),
      alarm.alarm,
      automatic ? 1 : 0,
    );
    this.#active = readRows(this.#sql);
  }

  /** Lowers an alarm; a leader (`automatic`) only what leaders raised. False: there was none. */
  #deactivate({ member, alarm, automatic }: ActiveAlarm): boolean {
    const before = this.#find({ member, alarm });
    if (before === undefined || (automatic && !before.automatic)) return false;
    this.#sql.run("DELETE FROM alarm WHERE member = ? AND alarm = ?", member.toString(), alarm);
    this.#active = readRows(this.#sql);
    return true;
  }

  #find({ member, alarm }: Alarm): ActiveAlarm | undefined {
    return this.#active.find((each) => each.member === member && each.alarm === alarm);
  }
}

/** The active alarms as a snapshot copies them: null while there are none. */
export const ALARMS: Unversioned = {
  name: "alarms",
  since: 3,

  copy(sql): Bytes | null {
    const active = readRows(sql);
    if (active.length === 0) return null;
    const write = (writer: Writer, alarm: ActiveAlarm): Writer =>
      writeAlarm(writer, alarm).flag(alarm.automatic);
    return new Writer().list(active, write).finish();
  },

  restore(sql, body) {
    sql.run("DELETE FROM alarm");
    if (body === null) return;
    const reader = new Reader(body);
    const active = reader.list((item) => ({ ...readAlarm(item), automatic: item.flag() }));
    reader.end();
    for (const { member, alarm, automatic } of active) {
      sql.run(
        "INSERT INTO alarm (member, alarm, automatic) VALUES (?, ?, ?)",
        member.toString(),
        alarm,
        automatic ? 1 : 0,
      );
    }
  },
};

function readRows(sql: SqlPort): ActiveAlarm[] {
  const rows = sql.all<{ member: string; alarm: AlarmKind; automatic: number }>(
    "SELECT member, alarm, automatic FROM alarm",
  );
  return rows
    .map(({ member, alarm, automatic }) => ({
      member: asMemberId(BigInt(member)),
      alarm,
      automatic: automatic === 1,
    }))
    .toSorted((a, b) => compareIds(a.member, b.member) || order(a.alarm) - order(b.alarm));
}

const order = (alarm: AlarmKind): number => ALARM_KINDS.indexOf(alarm);

const compareIds = (a: MemberId, b: MemberId): number => (a < b ? -1 : Number(a > b));
