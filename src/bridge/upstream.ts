// Owns what the services ask of the store behind them: calls by the method's gRPC path, messages as
// plain objects. How they travel is the implementation's affair.

/**
 * A message by its fields' names in the .proto files: 64-bit integers in decimal, bytes in base64 or as they
 * are, enum values by name or number. What is zero may be left out. With base64 that is the JSON of etcd's
 * gateway.
 */
export type Message = Readonly<Record<string, unknown>>;

/** What a client says besides the message, and how long it cares. */
export interface CallContext {
  /** Of the metadata `token` and `authorization`; null when there is none. */
  readonly token: string | null;
  readonly authorization: string | null;
  /** Of `idempotency-key`: the client's own name for a write. */
  readonly idempotencyKey: string | null;
  /** The client would rather hear of a missing leader than wait for one. */
  readonly needsLeader: boolean;
  /** Milliseconds from now; null when there is no limit. */
  readonly timeoutMs: number | null;
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

/** A call that both sides stream. */
export interface Conversation {
  /** Resolves when there is room for another message. */
  send(message: Message): Promise<void>;
  /** Ends when the store has nothing more to say. Who does not ask for the next holds the store back. */
  readonly answers: AsyncIterable<Message>;
}

/** The store. `method` is a gRPC path: `/etcdserverpb.KV/Range`. All of it throws `UpstreamError`. */
export interface Upstream {
  /** Whether requests are to have their bytes as they are; absent: in base64. Answers may have either. */
  readonly takesBytes?: boolean;
  /** One request, one answer. */
  call(method: string, request: Message, context: CallContext): Promise<Message>;
  /** One request, many answers. */
  stream(method: string, request: Message, context: CallContext): AsyncIterable<Message>;
  converse(method: string, context: CallContext): Conversation;
  /** Lets go of idle connections. */
  close(): void;
}

/** Why there is no answer, as the client is to be told. */
export class UpstreamError extends Error {
  override readonly name = "UpstreamError";
  /** One of gRPC's. */
  readonly code: number;

  constructor(code: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
