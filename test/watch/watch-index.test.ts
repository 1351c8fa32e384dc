// Goal: asking the index gives what asking every watcher gives. Method: random watchers that come and
// go, over few keys, so that bounds meet; against the plain filter, in the order of their coming.

import * as fc from "fast-check";
import { describe, test } from "vitest";
import { EMPTY } from "../../src/base/bytes.ts";
import { prefixEnd, successor, ZERO_BYTE } from "../../src/base/interval.ts";
import type { KeyEvent, RevisionEvents } from "../../src/base/kv.ts";
import { asRevision, NO_LEASE, type Bytes } from "../../src/base/types.ts";
import type { WatchSpec } from "../../src/base/watch.ts";
import { WatchIndex } from "../../src/watch/watch-index.ts";
import { createWatcher, select, type Watcher } from "../../src/watch/watcher.ts";

const byte = fc.constantFrom(0, 1, 0xff);
const key: fc.Arbitrary<Bytes> = fc
  .array(byte, { maxLength: 2 })
  .map((bytes) => new Uint8Array(bytes));

/** Single keys, prefixes, ranges with and without an end, empty ones, and those of one key by name. */
const spec: fc.Arbitrary<WatchSpec> = fc
  .record({
    key,
    rangeEnd: fc.oneof(
      fc.constant(EMPTY),
      fc.constant(ZERO_BYTE),
      fc.constant(prefixEnd),
      fc.constant(successor),
      key,
    ),
    noPut: fc.boolean(),
    noDelete: fc.boolean(),
  })
  .map(({ rangeEnd, ...rest }) => ({
    ...rest,
    rangeEnd: typeof rangeEnd === "function" ? rangeEnd(rest.key) : rangeEnd,
    startRevision: 0,
    prevKv: false,
    progressNotify: false,
  }));

type Act =
  | { readonly kind: "add"; readonly spec: WatchSpec; readonly synced: boolean }
  | { readonly kind: "remove"; readonly position: number }
  | { readonly kind: "ask"; readonly revisions: readonly RevisionEvents[] };

const event: fc.Arbitrary<KeyEvent> = fc.record({
  kind: fc.constantFrom("put", "delete"),
  kv: key.map((name) => ({
    key: name,
    createRevision: asRevision(1),
    modRevision: asRevision(1),
    version: 1,
    value: EMPTY,
    lease: NO_LEASE,
  })),
});

const revisions: fc.Arbitrary<readonly RevisionEvents[]> = fc
  .array(fc.array(event, { minLength: 1, maxLength: 4 }), { maxLength: 3 })
  .map((list) => list.map((events, n) => ({ revision: asRevision(n + 2), events })));

const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("add" as const),
      spec,
      synced: fc.boolean().map((isLate) => !isLate),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("remove" as const), position: fc.nat() }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("ask" as const), revisions }) },
);

/** What every watcher wants, asked one by one. */
function wantedByEach(
  watchers: readonly Watcher[],
  asked: readonly RevisionEvents[],
): [number, RevisionEvents[]][] {
  return watchers.flatMap((watcher): [number, RevisionEvents[]][] => {
    if (!watcher.synced) return [];
    const wanted = asked
      .map((item) => ({ ...item, events: select(watcher, item.events) }))
      .filter(({ events }) => events.length > 0);
    return wanted.length === 0 ? [] : [[watcher.serial, wanted]];
  });
}

describe("an index of watchers", () => {
  test("gives for every event the watchers that want it, in the order they came", ({ expect }) => {
    let found = 0;
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60, size: "max" }), (acts) => {
        const index = new WatchIndex();
        const watchers: Watcher[] = [];
        for (const [serial, each] of acts.entries()) {
          if (each.kind === "add") {
            const place = { session: 1, serial, id: serial, next: asRevision(1) };
            const watcher = createWatcher({ ...place, spec: each.spec });
            watcher.synced = each.synced;
            watchers.push(watcher);
            index.add(watcher);
          } else if (each.kind === "remove" && watchers.length > 0) {
            const [removed] = watchers.splice(each.position % watchers.length, 1);
            index.remove(removed!);
          } else if (each.kind === "ask") {
            const wanted = index.wanted(each.revisions).map(([{ serial: n }, of]) => [n, of]);
            expect(wanted).toEqual(wantedByEach(watchers, each.revisions));
            found += wanted.length;
          }
        }
      }),
      { numRuns: 500 },
    );
    expect(found).toBeGreaterThan(1_000);
  });
});
