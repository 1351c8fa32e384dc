// Owns the evidence that the audit of the fault tests can fail.

import { describe, test } from "vitest";
import type { Action, Operation, Outcome } from "../support/history.ts";
import type { SeenEvent } from "../support/watcher.ts";
import { audit } from "./audit.ts";

const asked = (action: Action, outcome: Outcome): Operation => ({
  client: 1,
  key: "a",
  action,
  outcome,
  call: 1,
  return: 2,
});
const put = (value: string, outcome: Outcome) => asked({ kind: "put", value }, outcome);
const wrote = (revision: number): Outcome => ({ kind: "ok", revision, wrote: true });
const change = (revision: number, value: string | null): SeenEvent => ({
  revision,
  key: "a",
  value,
});
const unknown: Outcome = { kind: "unknown" };

describe("the audit", () => {
  test("accepts acknowledged writes in order, and others that happened once or never", ({
    expect,
  }) => {
    const history = [
      put("x", wrote(2)),
      put("y", unknown),
      put("z", unknown),
      put("refused", { kind: "failed" }),
      asked({ kind: "delete" }, wrote(4)),
    ];
    expect(audit(history, [change(2, "x"), change(3, "z"), change(4, null)])).toEqual([]);
  });

  test.for<[name: string, history: Operation[], record: SeenEvent[], offence: string]>([
    ["a lost write", [put("x", wrote(2))], [], "acknowledged and lost"],
    [
      "a write under another revision",
      [put("x", wrote(3))],
      [change(2, "x")],
      "acknowledged and lost",
    ],
    [
      "a write that happened twice",
      [put("x", unknown)],
      [change(2, "x"), change(3, "x")],
      "written more than once: x",
    ],
    [
      "a refused write that happened",
      [put("x", { kind: "failed" })],
      [change(2, "x")],
      "nobody put",
    ],
    ["a gap in the revisions", [put("x", wrote(3))], [change(3, "x")], "change 0 has revision 3"],
    [
      "a deletion too many",
      [put("x", wrote(2)), asked({ kind: "delete" }, wrote(3))],
      [change(2, "x"), change(3, null), change(4, null)],
      "deleted more often",
    ],
  ])("finds %s", ([, history, record, offence], { expect }) => {
    expect(audit(history, record).join("\n")).toContain(offence);
  });
});
