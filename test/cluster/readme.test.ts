// The README's tour, typed along: every command is run against a fresh server, every answer compared
// with what the README shows.

import { describe } from "vitest";
import { testTour } from "../support/described-tour.ts";

describe("the README's tour", () => {
  testTour("README.md");
});
