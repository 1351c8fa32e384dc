// Owns the value that a function returns when the caller can expect a refusal.

/** Either the answer or the refusal; never both, never an exception. */
export type Result<T, E> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: E };

export const accept = <T>(value: T): { readonly ok: true; readonly value: T } => ({
  ok: true,
  value,
});

export const refuse = <E>(error: E): { readonly ok: false; readonly error: E } => ({
  ok: false,
  error,
});
