// How followers learn that something is committed when no append brings the news.

import { describe, it } from "vitest";
import { at, Bench, member, sent } from "./bench.ts";

describe("a commit that no append tells", () => {
  it("flushCommit tells the commit index once, and only whom none told", ({ expect }) => {
    const bench = new Bench();
    bench.serve([2, 3]);
    bench.propose("x");
    bench.accept(2);
    bench.node.flushCommit(at(0));
    const told = sent(bench.node.takeReady(), "append");
    expect(told).toMatchObject([
      { to: member(2), commit: 2, previousIndex: 2, entries: [] },
      { to: member(3), commit: 2, previousIndex: 2, entries: [] },
    ]);
    bench.node.flushCommit(at(0));
    expect(bench.node.hasReady()).toBe(false);
  });

  it("flushCommit leaves out a follower at which nobody waits, unless it asks", ({ expect }) => {
    const bench = new Bench();
    bench.serve([2, 3]);
    bench.propose("x");
    bench.receive("appendAnswer", 3, { index: 2, isAwaited: false });
    expect(bench.node.isCommitWanted()).toBe(true);
    bench.node.flushCommit(at(0));
    expect(sent(bench.node.takeReady(), "append")).toMatchObject([{ to: member(2), commit: 2 }]);
    expect(bench.node.isCommitWanted()).toBe(false);
    bench.receive("wake", 3);
    // What was on its way before the question says nothing against it.
    bench.receive("appendAnswer", 3, { index: 2, isAwaited: false });
    expect(bench.node.isCommitWanted()).toBe(true);
    bench.node.flushCommit(at(0));
    expect(sent(bench.node.takeReady(), "append")).toMatchObject([{ to: member(3), commit: 2 }]);
  });

  it("a follower at which nobody waits hears of a commit with the next heartbeat", ({ expect }) => {
    const bench = new Bench();
    bench.serve([2, 3]);
    bench.propose("x");
    bench.receive("appendAnswer", 3, { index: 2, isAwaited: false });
    expect(sent(bench.pass(100), "heartbeat", 3)).toMatchObject([{ commit: 2 }]);
  });
});
