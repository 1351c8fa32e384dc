// Owns what a conversation needs of a server, be it an etcd in a process of its own or ours in this one.

/** The client's end of a WebSocket. */
export interface ClientSocket {
  send(text: string): void;
  close(): void;
}

export interface SocketEvents {
  readonly onText: (text: string) => void;
  readonly onClose: (code: number) => void;
}

export interface CallRequest {
  readonly method: string;
  readonly path: string;
  readonly body: string | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** The answer is a stream, which may begin late or never. */
  readonly isStream?: boolean;
}

/** One server with a key space that nobody else uses. */
export interface Target {
  send(request: CallRequest): Promise<Response>;
  /** Resolves when the socket is open; rejects when the server refuses the upgrade. */
  connect(path: string, protocols: readonly string[], events: SocketEvents): Promise<ClientSocket>;
  /** Lets time pass, for both the client and the server. */
  pass(ms: number): Promise<void>;
  /** Resolves once nothing more is on its way; `heard` counts what the client has heard. */
  quiet(heard: () => number): Promise<void>;
  /** The hash of the history up to `revision`, as HashKV answers; null when it is refused. */
  hash(revision: number, headers: Readonly<Record<string, string>>): Promise<HistoryHash | null>;
  stop(): Promise<void>;
}

export interface HistoryHash {
  readonly hash: number;
  readonly compactRevision: number;
}
