// Owns which outcomes say nothing of an earlier attempt with the same request.

import { TURNED_AWAY } from "../api/turned-away.ts";
import type { Outcome } from "./search.ts";

export const isTurnedAway = (outcome: Outcome): boolean =>
  outcome.kind === "overloaded" ||
  (outcome.kind === "refused" && TURNED_AWAY.includes(outcome.refusal));
