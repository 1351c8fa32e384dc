// What operators do, typed along: every command of docs/operations.md is run in its order against a
// fresh server, every answer compared with what the document shows.

import { afterAll, beforeAll, describe, test } from "vitest";
import { startServer, type Server } from "../support/server.ts";
import { stepsOf, Tour } from "../support/tour.ts";

describe("the handbook for operators", () => {
  const steps = stepsOf("docs/operations.md");
  let server: Server;
  let tour: Tour;

  beforeAll(async () => {
    server = await startServer();
    tour = new Tour(server.url);
  });
  afterAll(async () => {
    await server.stop();
  });

  test("has its commands", ({ expect }) => {
    expect(steps.length).toBeGreaterThan(15);
  });

  for (const [number, step] of steps.entries()) {
    test(`${number + 1}: ${step.command.slice(0, 80)}`, async ({ expect }) => {
      const { printed, expected } = await tour.take(step);
      expect(printed).toMatch(expected);
    });
  }
});
