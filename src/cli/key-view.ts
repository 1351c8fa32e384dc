// Owns how keys and values are shown: in tables for people, in JSON for programs.

import type { KeyValue } from "../client/key-value.ts";
import { toJsonBytes, toLine, type JsonBytes } from "./printable.ts";
import { showTable } from "./table.ts";
import type { Terminal } from "./terminal.ts";

interface KeyJson {
  readonly key: JsonBytes;
  readonly value: JsonBytes;
  readonly create_revision: number;
  readonly mod_revision: number;
  readonly version: number;
  /** In decimal; absent: none. */
  readonly lease: string | undefined;
}

export const keyJson = (kv: KeyValue): KeyJson => ({
  key: toJsonBytes(kv.key),
  value: toJsonBytes(kv.value),
  create_revision: kv.createRevision,
  mod_revision: kv.modRevision,
  version: kv.version,
  lease: kv.lease === null ? undefined : String(kv.lease),
});

/** Where there is no terminal, nothing is cut off. */
const widthOf = ({ stdout }: Terminal): number =>
  stdout.isTTY === true ? Math.max(20, Math.floor(((stdout.columns ?? 100) - 24) / 2)) : Infinity;

export function showKeys(terminal: Terminal, kvs: readonly KeyValue[]): void {
  const width = widthOf(terminal);
  const isLeased = kvs.some(({ lease }) => lease !== null);
  showTable(
    terminal,
    ["KEY", "VALUE", "REVISION", ...(isLeased ? ["LEASE"] : [])],
    kvs.map(({ key, value, modRevision, lease }) => [
      toLine(key, width),
      toLine(value, width),
      String(modRevision),
      ...(isLeased ? [lease === null ? "" : String(lease)] : []),
    ]),
  );
}
