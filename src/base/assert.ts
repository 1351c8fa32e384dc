// Owns the one way to state an invariant. A broken invariant is a bug, never a user's mistake.

/** Thrown when something that must hold does not. The shell stops the object when it sees one. */
export class InvariantError extends Error {
  override readonly name = "InvariantError";
}

/**
 * States what must hold. Stays on in production: a replica that has lost an invariant stops before
 * the damage can spread to its peers.
 *
 * @throws InvariantError naming `statement` when `condition` is false.
 */
export function assert(condition: boolean, statement: string): asserts condition {
  if (!condition) throw new InvariantError(`invariant broken: ${statement}`);
}

/** Returns `value`, asserting that it is neither null nor undefined. */
export function present<T>(value: T | null | undefined, statement: string): T {
  assert(value !== null && value !== undefined, statement);
  return value;
}

/** For a place that cannot be reached: states why not. */
export function unreachable(statement: string): never {
  throw new InvariantError(`invariant broken: ${statement}`);
}
