// Owns how the tests run: under Node, inside workerd beside the objects they test, and against a
// whole development server. Groups run one after another, so that the timings of the last are its own.

import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { ClosingLine } from "./test/support/closing-line.ts";

const WORKERD_TESTS = "test/workerd/**/*.test.ts";
const CLUSTER_TESTS = ["test/cluster/**/*.test.ts", "test/faults/**/*.test.ts"];

/** Silences what would slow workerd down thirty times, or talk to the outside. */
const workerdEnvironment = { X_LOCAL_OBSERVABILITY: "false", WRANGLER_SEND_METRICS: "false" };
Object.assign(process.env, workerdEnvironment);

export default defineConfig({
  test: {
    reporters: ["default", new ClosingLine()],
    passWithNoTests: false,
    projects: [
      {
        test: {
          name: "node",
          include: ["test/**/*.test.ts"],
          exclude: [WORKERD_TESTS, ...CLUSTER_TESTS],
          sequence: { groupOrder: 0 },
          testTimeout: 30_000,
        },
      },
      {
        plugins: [
          cloudflareTest({
            wrangler: { configPath: "./wrangler.toml" },
            // The lab's faults are part of what is tested; a deployed Worker never has this.
            miniflare: { bindings: { EDGEKEEPER_DEVELOPMENT: "1" } },
          }),
        ],
        test: {
          name: "workerd",
          include: [WORKERD_TESTS],
          sequence: { groupOrder: 1 },
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: "cluster",
          include: CLUSTER_TESTS,
          // Each file starts servers of its own, which need the machine for themselves.
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
