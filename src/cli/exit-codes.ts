// Owns what the command line ends with: the exit codes, and the errors that lead to them.

/** Scripts count on these: a number keeps its meaning. `docs/cli.md` lists them. */
export const EXIT = {
  ok: 0,
  /** What is in no other class; the message says what happened. */
  failed: 1,
  /** The command was not understood: nothing was done. */
  usage: 2,
  /** There is no such key, lease, member or cluster; or the comparisons of a txn did not hold. */
  notFound: 3,
  /** Nobody answered, or nobody leads: to try again later may help. */
  unavailable: 4,
  /** Credentials are missing, wrong, or not enough. */
  denied: 5,
  /** A lock, a leadership or a lease ended while it was held. */
  lost: 6,
  /** Ctrl-C, before the command had done what it was to do. */
  interrupted: 130,
} as const;

export type ExitCode = number;

/** A command that cannot go on: its message tells a person what happened, and what to do. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

export const usageError = (message: string): CommandError => new CommandError(EXIT.usage, message);
