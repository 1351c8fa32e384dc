// Owns the form of idempotency keys, which is the same at every door.

import { IDEMPOTENCY_KEY_LENGTH_MAX } from "./limits.ts";

const FORM = new RegExp(`^[\\x21-\\x7e]{1,${IDEMPOTENCY_KEY_LENGTH_MAX}}$`);

/** Visible characters of ASCII, so that it stands in any header, and is the same in all. */
export const isIdempotencyKey = (text: string): boolean => FORM.test(text);
