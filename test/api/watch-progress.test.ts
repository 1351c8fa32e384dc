// What one watch has passed on, against a plain model: every change once, in order, whatever a
// replica repeats after a sleep and however it cuts revisions into parts.

import * as fc from "fast-check";
import { describe, test } from "vitest";
import { EMPTY, encodeUtf8 } from "../../src/base/bytes.ts";
import { asRevision, NO_LEASE } from "../../src/base/types.ts";
import type { WatchEvent } from "../../src/base/watch.ts";
import { WatchProgress } from "../../src/api/watch-progress.ts";

const SPEC = {
  key: encodeUtf8("k"),
  rangeEnd: EMPTY,
  startRevision: 1,
  prevKv: false,
  progressNotify: false,
  noPut: false,
  noDelete: false,
};

function change(revision: number, key: string): WatchEvent {
  const zero = asRevision(0);
  const modRevision = asRevision(revision);
  const kv = { key: encodeUtf8(key), createRevision: zero, modRevision, version: 1 };
  return { kind: "put", kv: { ...kv, value: EMPTY, lease: NO_LEASE }, prevKv: null };
}

const nameOf = ({ kv }: WatchEvent): string =>
  `${kv.modRevision}/${new TextDecoder().decode(kv.key)}`;

function begun(): WatchProgress {
  const progress = new WatchProgress(SPEC);
  progress.created(0);
  return progress;
}

describe("a revision that comes in parts", () => {
  test("is not torn by a repeat of an earlier one", ({ expect }) => {
    const progress = begun();
    progress.take({ events: [change(50, "a")], partial: false });
    progress.take({ events: [change(54, "a"), change(54, "b")], partial: true });
    expect(progress.take({ events: [change(50, "a")], partial: false })).toBeNull();
    const rest = [change(54, "a"), change(54, "b"), change(54, "c")];
    expect(progress.take({ events: rest, partial: false })?.map(nameOf)).toEqual(["54/c"]);
  });

  test("is not torn by a repeated part of an earlier one", ({ expect }) => {
    const progress = begun();
    progress.take({ events: [change(50, "a")], partial: false });
    progress.take({ events: [change(54, "a")], partial: true });
    expect(progress.take({ events: [change(50, "a")], partial: true })).toBeNull();
    const rest = [change(54, "a"), change(54, "b")];
    expect(progress.take({ events: rest, partial: false })?.map(nameOf)).toEqual(["54/b"]);
  });
});

describe("any history, cut and repeated anyhow", () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 6 });
  const cuts = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 8 });
  const sleeps = fc.array(fc.tuple(fc.nat({ max: 8 }), fc.nat({ max: 6 })), { maxLength: 3 });

  test("is passed on once and in order", ({ expect }) => {
    fc.assert(
      fc.property(sizes, cuts, sleeps, (revisions, lengths, repeats) => {
        const history = revisions.map((size, n) =>
          Array.from({ length: size }, (_, key) => change(n + 2, String(key))),
        );
        const progress = begun();
        const passed: string[] = [];
        const deliver = (from: number, deliveriesMax: number): void => {
          let left = deliveriesMax;
          for (const [n, events] of history.slice(from).entries()) {
            for (let start = 0; start < events.length && left > 0; left--) {
              const end = Math.min(start + lengths[(n + start) % lengths.length]!, events.length);
              const partial = end < events.length;
              const taken = progress.take({ events: events.slice(start, end), partial });
              passed.push(...(taken ?? []).map(nameOf));
              start = end;
            }
          }
        };
        // A replica that sleeps begins again at a revision that is acknowledged, or earlier.
        for (const [deliveries, back] of repeats) {
          const acknowledged = Number((passed.at(-1) ?? "1/").split("/")[0]) - 2;
          deliver(Math.max(acknowledged - back, 0), deliveries);
        }
        deliver(0, Infinity);
        expect(passed).toEqual(history.flat().map(nameOf));
      }),
      { numRuns: 2_000 },
    );
  });
});
