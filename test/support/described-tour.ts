// Owns the tests of a document that shows what is typed and what comes of it: see `tour.ts`.

import { afterAll, beforeAll, test } from "vitest";
import { startServer, type Server } from "./server.ts";
import { stepsOf, Tour } from "./tour.ts";

/** The tests of `file`: its commands, in their order, against one fresh server. For a `describe`. */
export function testTour(file: string): void {
  const steps = stepsOf(file);
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
}
