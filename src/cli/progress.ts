// Owns the progress bar: on a terminal, of what takes longer than a second, and on standard error, so
// that it never mixes with what a command prints.

import type { SingleBar } from "cli-progress";
import { showsColour, type Terminal } from "./terminal.ts";

/** What takes less is not worth looking at. */
const SILENT_MS = 1_000;

export interface Progress {
  /** `done` of `total`, which may change its mind. */
  at(done: number, total: number): void;
  /** Takes the bar away. */
  end(): void;
}

export interface ProgressOptions {
  readonly what: string;
  /** How a number is shown. */
  readonly show: (count: number) => string;
}

/** Nothing is shown unless standard error is a terminal. */
export async function showProgress(
  { stderr, environment }: Terminal,
  { what, show }: ProgressOptions,
): Promise<Progress> {
  if (stderr.isTTY !== true || environment["TERM"] === "dumb") return { at() {}, end() {} };
  const { default: progress } = await import("cli-progress");
  const colour = showsColour(stderr, environment);
  const startedAt = performance.now();
  let bar: SingleBar | null = null;
  return {
    at(done, total) {
      if (bar === null && performance.now() - startedAt < SILENT_MS) return;
      const shown = { done: show(done), of: show(Math.max(done, total)) };
      bar ??= startBar(progress.SingleBar, { stderr, what, total, shown, colour });
      bar.setTotal(Math.max(done, total));
      bar.update(done, shown);
    },
    end() {
      bar?.stop();
    },
  };
}

function startBar(
  Bar: typeof SingleBar,
  options: {
    readonly stderr: Terminal["stderr"];
    readonly what: string;
    readonly total: number;
    readonly shown: object;
    readonly colour: boolean;
  },
): SingleBar {
  const { what, colour } = options;
  const bar = colour ? "\u001b[36m{bar}\u001b[39m" : "{bar}";
  const started = new Bar({
    format: `${what} ${bar} {percentage} %  {done} of {of}  {eta_formatted} left`,
    stream: options.stderr as unknown as NodeJS.WritableStream,
    barCompleteChar: "█",
    barIncompleteChar: "░",
    barsize: 30,
    hideCursor: true,
    clearOnComplete: true,
    stopOnComplete: false,
    gracefulExit: false,
  });
  started.start(options.total, 0, options.shown);
  return started;
}

const UNITS = ["B", "KiB", "MiB", "GiB"] as const;

/** 1536 is `1.5 KiB`. */
export function showBytes(bytes: number): string {
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  const scaled = bytes / 1_024 ** power;
  return `${power === 0 ? scaled : scaled.toFixed(1)} ${UNITS[power]}`;
}

export const showCount = (count: number): string => count.toLocaleString("en");
