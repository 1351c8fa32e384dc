// The deadline queue against the plainest thing that could be right: a map that is searched.

import * as fc from "fast-check";
import { describe, test } from "vitest";
import { DeadlineQueue } from "../../src/base/deadline-queue.ts";

describe("DeadlineQueue", () => {
  test("an owner has one deadline, the last that was set", ({ expect }) => {
    const queue = new DeadlineQueue<string>();
    queue.set("lease", 10);
    queue.set("lease", 20);
    expect(queue.due(10)).toEqual([]);
    expect(queue.due(20)).toEqual(["lease"]);
    expect(queue.next()).toBeNull();
  });

  test("a deadline that is moved earlier comes earlier, and once", ({ expect }) => {
    const queue = new DeadlineQueue<string>();
    queue.set("lease", 20);
    queue.set("lease", 10);
    expect(queue.due(15)).toEqual(["lease"]);
    expect(queue.due(30)).toEqual([]);
  });

  test("whatever is set, moved and deleted, what is due comes in order of its deadline", () => {
    const owner = fc.integer({ min: 0, max: 5 });
    const step = fc.oneof(
      fc.record({ kind: fc.constant("set" as const), owner, at: fc.integer({ min: 0, max: 50 }) }),
      fc.record({ kind: fc.constant("delete" as const), owner }),
      fc.record({ kind: fc.constant("due" as const), now: fc.integer({ min: 0, max: 50 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const queue = new DeadlineQueue<number>();
        const model = new Map<number, number>();
        for (const item of steps) {
          if (item.kind === "set") {
            queue.set(item.owner, item.at);
            model.set(item.owner, item.at);
          } else if (item.kind === "delete") {
            queue.delete(item.owner);
            model.delete(item.owner);
          } else {
            const due = [...model].filter(([, at]) => at <= item.now);
            const times = queue.due(item.now).map((name) => model.get(name));
            if (times.length !== due.length) return false;
            if (times.some((at, index) => at === undefined || at < (times[index - 1] ?? 0)))
              return false;
            for (const [name] of due) model.delete(name);
          }
          const earliest = model.size === 0 ? null : Math.min(...model.values());
          if (queue.next() !== earliest || queue.size !== model.size) return false;
        }
        return true;
      }),
      { numRuns: 500 },
    );
  });
});
