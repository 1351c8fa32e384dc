// Owns what the operating system tells of processes: who belongs together, their processor time and
// their memory. Linux tells it in /proc; elsewhere the figures are not a number.

import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** Of the kernel's clock in which processor time is told; 100 on all platforms that Node runs on. */
const TICKS_PER_SECOND = 100;

/** The fields of `/proc/{pid}/stat` after the name, which may hold anything: the first is the state. */
function statOf(pid: number): readonly string[] | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return null;
  }
}

/** The process and all that it has started, directly or not. */
export function familyOf(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of procFolders()) {
    const parent = Number(statOf(name)?.[1] ?? 0);
    children.set(parent, [...(children.get(parent) ?? []), name]);
  }
  const family = [pid];
  for (const member of family) family.push(...(children.get(member) ?? []));
  return family;
}

function procFolders(): number[] {
  try {
    return readdirSync("/proc").map(Number).filter(Number.isInteger);
  } catch {
    return [];
  }
}

/** Processor time that the processes have taken since they began. */
export function cpuSecondsOf(pids: readonly number[]): number {
  const ticks = pids.map((pid) => {
    const stat = statOf(pid);
    return stat === null ? Number.NaN : Number(stat[11]) + Number(stat[12]);
  });
  return ticks.reduce((sum, one) => sum + one, 0) / TICKS_PER_SECOND;
}

/** Processor time below which a second counts as quiet. */
const QUIET_SECONDS = 0.05;
const QUIET_MS_MAX = 60_000;

/** Waits until the processes have done next to nothing for a second; not for ever. */
export async function untilQuiet(pids: readonly number[]): Promise<void> {
  const end = performance.now() + QUIET_MS_MAX;
  for (let before = cpuSecondsOf(pids); performance.now() < end;) {
    await sleep(1_000);
    const now = cpuSecondsOf(pids);
    if (!(now - before > QUIET_SECONDS)) return;
    before = now;
  }
}

/** Memory of the processes that is in RAM, and the most that it ever was. */
export function memoryOf(pids: readonly number[]): {
  readonly residentBytes: number;
  readonly peakBytes: number;
} {
  const read = (field: string): number =>
    pids.reduce((sum, pid) => sum + kibibytes(pid, field) * 1_024, 0);
  return { residentBytes: read("VmRSS"), peakBytes: read("VmHWM") };
}

function kibibytes(pid: number, field: string): number {
  try {
    const text = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(text)?.[1]);
  } catch {
    return Number.NaN;
  }
}

/** The name of the program that a process runs; empty when it is gone. */
export function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return "";
  }
}
