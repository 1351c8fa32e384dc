// The README's tour, typed along: every command is run against a fresh server, every answer compared
// with what the README shows.

import { afterAll, beforeAll, describe, test } from "vitest";
import { startServer, type Server } from "../support/server.ts";
import { stepsOf, Tour } from "../support/tour.ts";

describe("the README's tour", () => {
  const steps = stepsOf("README.md");
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
