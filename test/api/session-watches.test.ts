// What a receiver knows of its watches across connections: a report on all of them says nothing of one
// that the connection at hand has not begun yet.

import { describe, test } from "vitest";
import { SessionWatches } from "../../src/api/session-watches.ts";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import { asRevision, NO_LEASE } from "../../src/base/types.ts";
import { ALL_WATCHES, type WatchDelivery } from "../../src/base/watch.ts";
import { watchOf } from "../support/requests.ts";

const created = (watch: number, revision: number): WatchDelivery => ({
  kind: "created",
  watch,
  revision: asRevision(revision),
});
const report = (revision: number): WatchDelivery => ({
  kind: "progress",
  watch: ALL_WATCHES,
  revision: asRevision(revision),
});
const eventAt = (watch: number, revision: number): WatchDelivery => {
  const modRevision = asRevision(revision);
  const kv = {
    key: encodeUtf8("k"),
    value: encodeUtf8("v"),
    createRevision: modRevision,
    modRevision,
    version: 1,
    lease: NO_LEASE,
  };
  const events = [{ kind: "put" as const, kv, prevKv: null }];
  return { kind: "events", watch, revision: modRevision, events, partial: false };
};

/** Two watches that were created at revision 5, on a connection that broke: they are begun again. */
function resumed(): SessionWatches {
  const watches = new SessionWatches();
  for (const watch of [1, 2]) {
    watches.add(watch, watchOf(encodeUtf8("k")));
    watches.take(created(watch, 5));
  }
  watches.resume();
  return watches;
}

describe("a report on all watches", () => {
  test("before one of them is begun again leaves out none of its events", ({ expect }) => {
    const watches = resumed();
    watches.take(created(1, 9));
    expect(watches.take(report(9))).toBe(null);
    watches.take(created(2, 9));
    expect(watches.take(eventAt(2, 7))).toEqual(eventAt(2, 7));
  });

  test("is passed on once all are begun again, and what it covers is not asked for again", ({
    expect,
  }) => {
    const watches = resumed();
    for (const watch of [1, 2]) watches.take(created(watch, 9));
    expect(watches.take(report(9))).toEqual(report(9));
    const starts = watches
      .resume()
      .frames.map((frame) => frame.kind === "watch" && frame.spec.startRevision);
    expect(starts).toEqual([10, 10]);
  });

  test("still counts for those that are begun while another is not", ({ expect }) => {
    const watches = resumed();
    watches.take(created(1, 9));
    watches.take(report(9));
    const starts = watches
      .resume()
      .frames.map((frame) => frame.kind === "watch" && frame.spec.startRevision);
    expect(starts).toEqual([10, 6]);
  });
});
