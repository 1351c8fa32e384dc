// Owns what every study is given: how long it may take, where its stores lie, which etcd there is.

import { mkdtempSync } from "node:fs";
import { join } from "node:path";

export interface StudyContext {
  readonly isQuick: boolean;
  readonly folder: string;
  /** The program; null: leave its figures out. */
  readonly etcd: string | null;
  readonly tell: (line: string) => void;
}

/** An empty folder for one system. */
export const folderFor = ({ folder }: StudyContext, name: string): string =>
  mkdtempSync(join(folder, `${name}-`));

/** Runs `body` with a system, and stops it whatever happens. */
export async function withSystem<S extends { stop(): Promise<void> }, T>(
  starting: Promise<S>,
  body: (system: S) => Promise<T>,
): Promise<T> {
  const system = await starting;
  try {
    return await body(system);
  } finally {
    await system.stop();
  }
}
