// Writing to what fails, as a disk that is full: the command ends, and says so.

import { Writable } from "node:stream";
import { describe, test } from "vitest";
import { pour } from "../../src/cli/export.ts";
import { writeSlowly } from "../../src/cli/terminal.ts";
import { playTerminal } from "./terminal.ts";

/** Takes nothing, and says so late. */
const fullDisk = (): Writable => {
  const disk = new Writable({
    highWaterMark: 1,
    write: (_chunk, _encoding, done) => void setImmediate(() => done(new Error("ENOSPC"))),
  });
  disk.on("error", () => undefined);
  return disk;
};

describe("what is written to a full disk", () => {
  test("is not waited for, then or later", async ({ expect }) => {
    const disk = fullDisk();
    await writeSlowly(disk, "one");
    await writeSlowly(disk, "two");
    expect([disk.destroyed, disk.listenerCount("drain"), disk.listenerCount("close")]).toEqual([
      true,
      0,
      0,
    ]);
  });

  test("is dropped, so that nothing half done is left", async ({ expect }) => {
    const done: string[] = [];
    async function* records() {
      yield { kind: "begin", revision: "1", keys: 1 } as const;
    }
    const begin = async () => ({
      write: () => Promise.reject(new Error("ENOSPC")),
      end: () => Promise.resolve(0),
      drop: async () => void done.push("dropped"),
    });
    const poured = pour(playTerminal(), records(), { what: "exporting", begin });
    await expect(poured).rejects.toThrow("ENOSPC");
    expect(done).toEqual(["dropped"]);
  });
});
