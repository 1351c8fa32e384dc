// Owns which refusals say nothing of an earlier attempt with the same request. A replica that has not
// proposed what it refuses cannot know: the earlier one may have been applied, or may yet be, once what
// it is refused for is over. To say "it did not happen" would be wrong.

import type { Refusal } from "../base/refusal.ts";

/** What a replica may refuse with before it proposes. */
export const TURNED_AWAY: readonly Refusal[] = [
  "tooManyRequests",
  "noSpace",
  "corrupt",
  "permissionDenied",
  "invalidAuthToken",
  "authRevisionOld",
  "userNameEmpty",
  "idempotencyUnknown",
];
