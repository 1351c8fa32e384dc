// Owns what etcdctl printed when it spoke to a real etcd of its own version: a file of invocations and
// answers for each version.

import { existsSync, readFileSync, writeFileSync } from "node:fs";

export interface Exchange {
  readonly args: string;
  readonly printed: string;
}

const fileOf = (version: string): URL => new URL(`recorded-${version}.txt`, import.meta.url);

/** Null when nothing was recorded of this version. */
export function readExchanges(version: string): Exchange[] | null {
  if (!existsSync(fileOf(version))) return null;
  const blocks = readFileSync(fileOf(version), "utf8").split(/^\$ /mu).slice(1);
  return blocks.map((block) => {
    const end = block.indexOf("\n");
    return { args: block.slice(0, end), printed: block.slice(end + 1).trimEnd() };
  });
}

export function writeExchanges(version: string, exchanges: readonly Exchange[]): void {
  const blocks = exchanges.map(({ args, printed }) => `$ ${args}\n${printed}\n`);
  writeFileSync(fileOf(version), blocks.join("\n"));
}
