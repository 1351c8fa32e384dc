// Owns the words of a history: what clients asked of the store, when, and what they were told. The
// workload writes histories, the checker judges them; neither knows the other.

/** What a client asked of one key. */
export type Action =
  | { readonly kind: "get" }
  | { readonly kind: "put"; readonly value: string }
  | { readonly kind: "delete" }
  /** Puts `value` if the key's mod revision is `expected` (0: absent), else reads the key. */
  | { readonly kind: "compareAndSet"; readonly expected: number; readonly value: string };

/** A version of a key as an answer shows it. */
export interface Version {
  readonly value: string;
  readonly modRevision: number;
}

export type Outcome =
  | {
      readonly kind: "ok";
      /** The store's revision in the answer's header: that of the write itself, if it wrote. */
      readonly revision: number;
      readonly wrote: boolean;
      /** What the key was seen to hold; null: nothing; undefined: the answer does not tell. */
      readonly found?: Version | null;
    }
  /** Refused: it has not happened and never will. */
  | { readonly kind: "failed" }
  /** No answer: it may have happened at any time since it was asked, or may yet. */
  | { readonly kind: "unknown" };

export interface Operation {
  readonly client: number;
  readonly key: string;
  readonly action: Action;
  readonly outcome: Outcome;
  /** When it was asked and when it was answered, by one clock; answered at Infinity if never. */
  readonly call: number;
  readonly return: number;
}

/** An operation that was answered. */
export type Answered = Operation & { readonly outcome: Outcome & { readonly kind: "ok" } };

export const isAnswered = (operation: Operation): operation is Answered =>
  operation.outcome.kind === "ok";

/** One line for a person: when, who, what, and the answer. */
export function renderOperation(operation: Operation): string {
  const { call, client, key, action, outcome } = operation;
  const until = outcome.kind === "unknown" ? "?" : operation.return.toFixed(1);
  const when = `[${call.toFixed(1)} .. ${until}]`.padEnd(22);
  return `${when} client ${client}: ${renderAction(key, action)} -> ${renderOutcome(outcome)}`;
}

function renderAction(key: string, action: Action): string {
  switch (action.kind) {
    case "get":
      return `get ${key}`;
    case "put":
      return `put ${key} = ${action.value}`;
    case "delete":
      return `delete ${key}`;
    case "compareAndSet":
      return `put ${key} = ${action.value} if its mod revision is ${action.expected}`;
    default:
      return action satisfies never;
  }
}

function renderOutcome(outcome: Outcome): string {
  if (outcome.kind !== "ok") return outcome.kind;
  const { revision, wrote, found } = outcome;
  const seen = found === undefined ? "" : ` found ${renderVersion(found)}`;
  return `${wrote ? "wrote" : "read"} at revision ${revision}${seen}`;
}

const renderVersion = (version: Version | null): string =>
  version === null ? "nothing" : `${version.value} of revision ${version.modRevision}`;
