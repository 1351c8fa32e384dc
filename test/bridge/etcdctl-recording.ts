// Owns what etcdctl printed when it spoke to a real etcd: a file of invocations and answers.

import { readFileSync, writeFileSync } from "node:fs";

const FILE = new URL("etcdctl-recorded.txt", import.meta.url);

export interface Exchange {
  readonly args: string;
  readonly printed: string;
}

export function readExchanges(): Exchange[] {
  const blocks = readFileSync(FILE, "utf8").split(/^\$ /mu).slice(1);
  return blocks.map((block) => {
    const end = block.indexOf("\n");
    return { args: block.slice(0, end), printed: block.slice(end + 1).trimEnd() };
  });
}

export function writeExchanges(exchanges: readonly Exchange[]): void {
  const blocks = exchanges.map(({ args, printed }) => `$ ${args}\n${printed}\n`);
  writeFileSync(FILE, blocks.join("\n"));
}
