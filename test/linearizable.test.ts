// Owns the evidence that the checker of histories can be believed. Goal: it accepts whatever a store
// that does one thing at a time could have answered, and refuses each kind of damage that matters.
// Method: histories from a correct execution, with overlaps and lost answers; then planted damage.

import { assert, array, constantFrom, integer, property, record } from "fast-check";
import { describe, test } from "vitest";
import type { Action, Operation, Outcome, Version } from "./support/history.ts";
import { checkLinearizable } from "./support/linearizable.ts";

/** One step of an execution: what happens, how long around its moment, and what becomes of it. */
interface Step {
  readonly key: string;
  readonly kind: Action["kind"];
  /** How long before its effect it was called, and how long after it was answered. */
  readonly before: number;
  readonly after: number;
  readonly fate: "answered" | "answer lost" | "never happened" | "refused";
  /** Whether a compareAndSet expects the present revision, rather than one that is out of date. */
  readonly isApt: boolean;
}

const steps = (size: { minLength: number; maxLength: number }, keys: readonly string[]) =>
  array(
    record({
      key: constantFrom(...keys),
      kind: constantFrom("get", "get", "put", "put", "delete", "compareAndSet" as const),
      before: integer({ min: 0, max: 8 }),
      after: integer({ min: 0, max: 8 }),
      fate: constantFrom(
        ...(["answered", "answered", "answered"] as const),
        ...(["answer lost", "never happened", "refused"] as const),
      ),
      isApt: constantFrom(true, true, false),
    }),
    size,
  );

/** Executes the steps one at a time, at moments 1, 2, 3, ..., and tells what clients would see. */
function execute(plan: readonly Step[]): Operation[] {
  const store = new Map<string, Version>();
  let revision = 1;
  const perform = (key: string, action: Action): Outcome => {
    const found = store.get(key) ?? null;
    const isMet = action.kind === "compareAndSet" && (found?.modRevision ?? 0) === action.expected;
    if (action.kind === "delete" && found !== null) {
      store.delete(key);
      return { kind: "ok", revision: ++revision, wrote: true };
    }
    if (action.kind === "put" || (action.kind === "compareAndSet" && isMet)) {
      store.set(key, { value: action.value, modRevision: ++revision });
      return { kind: "ok", revision, wrote: true };
    }
    if (action.kind === "delete") return { kind: "ok", revision, wrote: false };
    return { kind: "ok", revision, wrote: false, found };
  };
  return plan.map(({ key, kind, before, after, fate, isApt }, i) => {
    const present = store.get(key)?.modRevision ?? 0;
    const action = actionOf(kind, { value: `v${i}`, expected: isApt ? present : present + 1 });
    const times = { call: i + 1 - before - 0.5, return: i + 1 + after };
    const asked = { client: i % 4, key, action };
    const happens = fate === "answered" || fate === "answer lost";
    const outcome = happens ? perform(key, action) : null;
    if (fate === "answered") return { ...asked, ...times, outcome: outcome! };
    if (fate === "refused") return { ...asked, ...times, outcome: { kind: "failed" } };
    return { ...asked, ...times, return: Infinity, outcome: { kind: "unknown" } };
  });
}

function actionOf(
  kind: Action["kind"],
  { value, expected }: { value: string; expected: number },
): Action {
  switch (kind) {
    case "get":
    case "delete":
      return { kind };
    case "put":
      return { kind, value };
    case "compareAndSet":
      return { kind, value, expected };
    default:
      return kind satisfies never;
  }
}

const isOk = (history: readonly Operation[]): boolean => checkLinearizable(history).ok;
const reportOf = (history: readonly Operation[]): string => {
  const verdict = checkLinearizable(history);
  return verdict.ok ? "linearizable" : verdict.report;
};

describe("correct executions", () => {
  test("every execution of one key is accepted, whatever overlaps and is lost", () => {
    assert(
      property(steps({ minLength: 1, maxLength: 40 }, ["a"]), (plan) => isOk(execute(plan))),
      {
        numRuns: 1_000,
      },
    );
  });

  test("every execution of several keys is accepted", () => {
    const plans = steps({ minLength: 20, maxLength: 120 }, ["a", "b", "c"]);
    assert(
      property(plans, (plan) => isOk(execute(plan))),
      { numRuns: 300 },
    );
  });
});

// A planted fault in a small history, written as a reader would tell it.
let clock = 0;
const at = (key: string, action: Action, outcome: Outcome): Operation => ({
  client: 1,
  key,
  action,
  outcome,
  call: ++clock,
  return: outcome.kind === "unknown" ? Infinity : ++clock,
});
const put = (key: string, value: string, revision: number) =>
  at(key, { kind: "put", value }, { kind: "ok", revision, wrote: true });
const lostPut = (key: string, value: string) =>
  at(key, { kind: "put", value }, { kind: "unknown" });
const get = (key: string, revision: number, found: Version | null) =>
  at(key, { kind: "get" }, { kind: "ok", revision, wrote: false, found });
const remove = (key: string, revision: number, wrote: boolean) =>
  at(key, { kind: "delete" }, { kind: "ok", revision, wrote });
const version = (value: string, modRevision: number): Version => ({ value, modRevision });

describe("planted faults are refused", () => {
  test.for<[name: string, history: Operation[]]>([
    [
      "a stale read: an answer of before an acknowledged write, under the old revision",
      [put("a", "x", 2), put("a", "y", 3), get("a", 2, version("x", 2))],
    ],
    [
      "a stale read that shows off the new revision",
      [put("a", "x", 2), put("a", "y", 3), get("a", 3, version("x", 2))],
    ],
    ["a lost write: acknowledged, and never seen", [put("a", "x", 2), get("a", 4, null)]],
    [
      "a lost write that another one has replaced at its revision",
      [put("a", "x", 2), put("b", "y", 2)],
    ],
    [
      "two writes at one revision, although neither was answered before the other was asked",
      [put("a", "x", 2), put("b", "y", 2)].map((write) => ({ ...write, call: 0, return: 1e6 })),
    ],
    [
      "two keys whose versions share a revision, though no write was answered",
      [
        lostPut("a", "x"),
        lostPut("b", "x"),
        get("a", 2, version("x", 2)),
        get("b", 2, version("x", 2)),
      ],
    ],
    [
      "a version from above the revision of the answer that shows it",
      [lostPut("a", "x"), get("a", 2, version("x", 3))],
    ],
    [
      "a later write with a revision below one that had been answered",
      [put("a", "x", 4), lostPut("a", "y"), get("a", 5, version("y", 3))],
    ],
    [
      "a write applied twice: the same value at a second revision",
      [put("a", "x", 2), put("a", "y", 3), get("a", 4, version("x", 4))],
    ],
    [
      "a write without an answer that is applied twice",
      [
        lostPut("a", "x"),
        get("a", 2, version("x", 2)),
        put("a", "y", 3),
        get("a", 4, version("x", 4)),
      ],
    ],
    [
      "a reordered pair: the later of two writes has the lower revision",
      [put("a", "x", 3), put("b", "y", 2)],
    ],
    [
      "a read that goes back behind another read",
      [lostPut("a", "x"), get("a", 2, version("x", 2)), get("a", 2, null)],
    ],
    ["a value that nobody wrote", [put("a", "x", 2), get("a", 2, version("z", 2))]],
    ["a deletion of what is not there", [remove("a", 2, true)]],
    ["a deletion that missed what is there", [put("a", "x", 2), remove("a", 2, false)]],
    [
      "a refused write that happened",
      [at("a", { kind: "put", value: "x" }, { kind: "failed" }), get("a", 2, version("x", 2))],
    ],
    ["a write seen before it was asked for", [get("a", 2, version("x", 2)), put("a", "x", 2)]],
    [
      "a compareAndSet that succeeded against another revision",
      [
        put("a", "x", 2),
        at(
          "a",
          { kind: "compareAndSet", expected: 1, value: "y" },
          { kind: "ok", revision: 3, wrote: true },
        ),
      ],
    ],
    [
      "a compareAndSet that failed although its condition held",
      [
        put("a", "x", 2),
        at(
          "a",
          { kind: "compareAndSet", expected: 2, value: "y" },
          { kind: "ok", revision: 2, wrote: false, found: version("x", 2) },
        ),
      ],
    ],
  ])("%s", ([, history], { expect }) => {
    expect(reportOf(history)).toContain("Not linearizable");
  });

  test("in any execution, a read moved back to the version before is refused", ({ expect }) => {
    let planted = 0;
    const check = (plan: readonly Step[]): boolean => {
      const history = execute(plan);
      const stale = history.findIndex((_, i) => earlierVersion(history, i) !== null);
      if (stale < 0) return true;
      planted++;
      const { outcome, ...asked } = history[stale]!;
      const found = earlierVersion(history, stale);
      return !isOk(history.with(stale, { ...asked, outcome: { ...outcome, found } as Outcome }));
    };
    assert(property(steps({ minLength: 10, maxLength: 40 }, ["a"]), check), { numRuns: 300 });
    expect(planted).toBeGreaterThan(100);
  });

  test("in any execution, an acknowledged put that is left out is refused once it was seen", ({
    expect,
  }) => {
    let planted = 0;
    const check = (plan: readonly Step[]): boolean => {
      const history = execute(plan);
      const seen = new Set(history.map(({ outcome }) => foundIn(outcome)?.value));
      const lost = history.findIndex(({ action }) => "value" in action && seen.has(action.value));
      if (lost < 0) return true;
      planted++;
      return !isOk(history.toSpliced(lost, 1));
    };
    assert(property(steps({ minLength: 10, maxLength: 40 }, ["a"]), check), { numRuns: 300 });
    expect(planted).toBeGreaterThan(100);
  });
});

const foundIn = (outcome: Outcome): Version | null =>
  outcome.kind === "ok" ? (outcome.found ?? null) : null;

/** For a read of an acknowledged write: an older version that another read has shown, or null. */
function earlierVersion(history: readonly Operation[], index: number): Version | null {
  const found = foundIn(history[index]!.outcome);
  const isAcknowledged = history.some(
    ({ outcome }) =>
      outcome.kind === "ok" && outcome.wrote && outcome.revision === found?.modRevision,
  );
  if (found === null || !isAcknowledged) return null;
  const others = history.map(({ outcome }) => foundIn(outcome)).filter((v) => v !== null);
  return others.find((v) => v.modRevision < found.modRevision) ?? null;
}

describe("writes without an answer", () => {
  test("one may have happened late, after others were answered", ({ expect }) => {
    const history = [lostPut("a", "x"), put("a", "y", 2), get("a", 3, version("x", 3))];
    expect(reportOf(history)).toBe("linearizable");
  });

  test("one may never have happened", ({ expect }) => {
    expect(reportOf([lostPut("a", "x"), get("a", 1, null)])).toBe("linearizable");
  });

  test("one explains a deletion that found something, though nobody saw the value", ({
    expect,
  }) => {
    expect(reportOf([lostPut("a", "x"), remove("a", 3, true)])).toBe("linearizable");
  });

  test("one cannot happen before it was asked for", ({ expect }) => {
    const history = [put("a", "y", 2), get("a", 3, version("x", 3)), lostPut("a", "x")];
    expect(reportOf(history)).toContain("Not linearizable");
  });

  test("one cannot happen before what was answered before it was asked for", ({ expect }) => {
    // Time runs from left to right; x is asked for after the read of y at revision 5 was answered,
    // so that x cannot have been there at revision 4.
    const history = [
      { ...put("a", "y", 5), call: 1, return: 100 },
      { ...get("a", 4, version("x", 4)), call: 2, return: 60 },
      { ...get("a", 6, version("y", 5)), call: 2, return: 3 },
      { ...lostPut("a", "x"), call: 50 },
    ];
    expect(reportOf(history)).toContain("Not linearizable");
  });

  test("twelve that were all seen do not make the search explode", ({ expect }) => {
    const lost = Array.from({ length: 12 }, (_, i) => lostPut("a", `x${i}`));
    const seen = lost.map((_, i) => get("a", 2 + i, version(`x${i}`, 2 + i)));
    expect(reportOf([...lost, ...seen])).toBe("linearizable");
    expect(reportOf([...lost, ...seen, get("a", 20, null)])).toContain("Not linearizable");
  });

  test("forty of them on one key do not make the search explode", ({ expect }) => {
    const lost = Array.from({ length: 40 }, (_, i) => lostPut("a", `lost${i}`));
    const history = [...lost, put("a", "y", 50), get("a", 60, version("z", 55))];
    expect(reportOf(history)).toContain("Not linearizable");
  });
});

test("a report shows the contradicting answers in their order, and the offender last", ({
  expect,
}) => {
  clock = 0;
  const history = [put("a", "x", 2), put("a", "y", 3), get("a", 3, version("x", 2))];
  expect(reportOf(history)).toMatchInlineSnapshot(`
    "Not linearizable: the answer of the last of these operations (2 before it are in order)
      [1.0 .. 2.0]           client 1: put a = x -> wrote at revision 2
      [3.0 .. 4.0]           client 1: put a = y -> wrote at revision 3
      [5.0 .. 6.0]           client 1: get a -> read at revision 3 found x of revision 2"
  `);
});

test("5,000 operations on 20 keys are judged within 5 seconds", ({ expect }) => {
  const keys = Array.from({ length: 20 }, (_, i) => `key${i}`);
  const fates = ["answered", "answered", "answered", "answer lost", "never happened"] as const;
  const kinds = ["get", "put", "compareAndSet", "get", "put", "delete"] as const;
  const plan = Array.from({ length: 5_000 }, (_, i): Step => {
    const draw = (i * 2_654_435_761) % 4_294_967_296;
    return {
      key: keys[draw % 20]!,
      kind: kinds[(draw >>> 8) % 6]!,
      before: (draw >>> 12) % 16,
      after: (draw >>> 16) % 16,
      fate: i % 10 === 0 ? fates[(draw >>> 20) % 5]! : "answered",
      isApt: (draw >>> 24) % 4 > 0,
    };
  });
  const startedAt = performance.now();
  expect(reportOf(execute(plan))).toBe("linearizable");
  expect(performance.now() - startedAt).toBeLessThan(5_000);
});
