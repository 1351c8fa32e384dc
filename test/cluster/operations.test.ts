// What operators do, typed along: every command of docs/operations.md is run in its order against a
// fresh server, every answer compared with what the document shows.

import { describe } from "vitest";
import { testTour } from "../support/described-tour.ts";

describe("the handbook for operators", () => {
  testTour("docs/operations.md");
});
