// Owns the last line of a test run: how many tests passed and failed, in a form that any reader of
// logs understands. The default reporter stays the one for people.

import type { Reporter, TestModule } from "vitest/node";

/** Ends a run with "N passed, N failed" alone on a line. What fails outside a test counts too. */
export class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const count = { passed: 0, failed: unhandledErrors.length, skipped: 0, pending: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) count[test.result().state] += 1;
      for (const suite of module.children.allSuites()) count.failed += suite.errors().length;
      count.failed += module.errors().length;
    }
    const skipped = count.skipped + count.pending;
    const rest = skipped > 0 ? `, ${skipped} skipped` : "";
    process.stdout.write(`\n${count.passed} passed, ${count.failed} failed${rest}\n`);
  }
}
