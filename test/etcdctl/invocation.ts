// Owns what is typed into etcdctl: words, what is given to it besides, and when it is ended.

/** A request to the HTTP port, for what etcdctl cannot ask. */
interface GatewayRequest {
  readonly path: string;
  readonly body: string;
}

export interface Invocation {
  /**
   * Words, as a shell takes them; quotes are single. `{lease}` is the lease that was granted last, `{member}`
   * the member that was added last, `{endpoint}` the server, `{file}` a file in a fresh folder.
   */
  readonly args: string;
  readonly input?: string;
  /** Lines after which the program is ended: it would go on for ever. Its input stays open until then. */
  readonly lines?: number;
  /** Typed one after another once those lines were printed, and before the program is ended. */
  readonly meanwhile?: readonly Invocation[];
  /** Sent before. */
  readonly first?: GatewayRequest;
}

export const run = (args: string): Invocation => ({ args });

/** Ended after so many lines. */
export const until = (lines: number, args: string): Invocation => ({ args, lines });

/** A person answers its questions with `input`. */
export const asked = (args: string, input: string): Invocation => ({ args, input });

/** Runs while the others are typed. */
export const during = (
  lines: number,
  args: string,
  meanwhile: readonly Invocation[],
): Invocation => ({ args, lines, meanwhile });

const FORMATS = ["simple", "json", "table", "fields"];

/** Once for each format of output that etcdctl has for people and programs. */
export const inAllFormats = (args: string): Invocation[] =>
  FORMATS.map((format) => run(`${args} -w ${format}`));
