// Owns the errors of the lock and election services. etcd gives them no code of their own: whatever
// goes wrong, a refusal of the store below included, is "unknown", and only the text says what.

import type { Refusal } from "../base/refusal.ts";
import { refusalError, type ApiError } from "./error.ts";
import { GRPC } from "./grpc-code.ts";

export const unknownError = (message: string): ApiError => ({
  code: GRPC.unknown,
  message,
  status: 500,
});

export const RECIPE_ERRORS = {
  /** The key of the waiting request is gone: its lease has ended, or somebody deleted it. */
  sessionExpired: unknownError("mutex: session is expired"),
  notLeader: unknownError("election: not leader"),
  noElected: unknownError("election: no leader"),
  observeEnded: unknownError("election: observe closed early"),
  noLeaderField: unknownError('"leader" field must be provided'),
  /** Nobody is there to read it. */
  callerGone: unknownError("context canceled"),
} as const satisfies Record<string, ApiError>;

/** A refusal of the store, as lock and election tell it. */
export const recipeRefusal = (refusal: Refusal): ApiError =>
  unknownError(refusalError(refusal).message);
