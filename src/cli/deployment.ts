// Owns asking a deployment over HTTP: its JSON doors, with the credentials of the command line, and
// what its refusals mean for a command. Keys, watches and leases go by the session door instead.

import { GRPC } from "../api/grpc-code.ts";
import type { Connection } from "./connection-options.ts";
import { CommandError, EXIT, type ExitCode } from "./exit-codes.ts";
import { harmless } from "./printable.ts";

export interface Ask {
  readonly method?: "GET" | "PUT" | "POST" | "DELETE";
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it is. */
  readonly body?: ReadableStream<Uint8Array>;
  /** Root's password serves where nobody can issue a token: a majority may be lost. */
  readonly takesPassword?: boolean;
  /** An answer with status 503 is read as any other: it tells what fails. */
  readonly acceptsFailure?: boolean;
  /** How long to wait for the answer to begin; 30 s unless said. */
  readonly timeoutMs?: number;
}

/** The router gives up after 7 s itself; a change of regions may take a minute. */
const TIMEOUT_MS = 30_000;

/** What a deployment has refused. */
export class RefusedError extends CommandError {
  /** Of gRPC. */
  readonly code: number;
  readonly status: number;

  constructor(about: { readonly status: number; readonly code: number; readonly message: string }) {
    super(exitCodeOf(about), adviceOn(about));
    this.code = about.code;
    this.status = about.status;
  }
}

export class Deployment {
  readonly connection: Connection;
  readonly #signal: AbortSignal;
  #userToken: Promise<string> | null = null;

  constructor(connection: Connection, signal: AbortSignal) {
    this.connection = connection;
    this.#signal = signal;
  }

  /** A path of the cluster, such as `/v3/kv/range`. */
  inCluster(path: string): string {
    const { cluster } = this.connection;
    return cluster === "default" ? path : `/c/${encodeURIComponent(cluster)}${path}`;
  }

  /** A path of the cluster among the deployment's, such as `/replicas`; empty for itself. */
  aboutCluster(path: string): string {
    return `/v1/clusters/${encodeURIComponent(this.connection.cluster)}${path}`;
  }

  /** The answer's JSON. @throws CommandError */
  async json(path: string, ask: Ask = {}): Promise<unknown> {
    const response = await this.open(path, ask);
    try {
      return await response.json();
    } catch (error) {
      throw this.#broken(error);
    }
  }

  /** An answer that is no error, to be read. @throws CommandError */
  async open(path: string, ask: Ask = {}): Promise<Response> {
    const authorization = await this.#authorization(ask);
    const response = await this.#fetch(path, ask, authorization);
    if (response.ok || (ask.acceptsFailure === true && response.status === 503)) return response;
    throw await refusalOf(response);
  }

  async #authorization({ takesPassword }: Ask): Promise<string | null> {
    const { user } = this.connection;
    if (user === null) return null;
    this.#userToken ??= this.#authenticate(user);
    try {
      return `Bearer ${await this.#userToken}`;
    } catch (error) {
      const isAway = error instanceof CommandError && error.exitCode === EXIT.unavailable;
      if (takesPassword !== true || !isAway) throw error;
      return `Basic ${Buffer.from(`${user.name}:${user.password}`).toString("base64")}`;
    }
  }

  async #authenticate(user: NonNullable<Connection["user"]>): Promise<string> {
    const ask = { method: "POST", json: user } as const;
    const response = await this.#fetch(this.inCluster("/v3/auth/authenticate"), ask, null);
    if (!response.ok) throw await refusalOf(response);
    const { token = "" } = (await response.json()) as { token?: string };
    return token;
  }

  async #fetch(path: string, ask: Ask, authorization: string | null): Promise<Response> {
    const { url, token } = this.connection;
    const headers = new Headers();
    if (token !== null) headers.set("Edgekeeper-Token", token);
    if (authorization !== null) headers.set("Authorization", authorization);
    const body = ask.json === undefined ? ask.body : JSON.stringify(ask.json);
    const timer = new AbortController();
    const timeout = setTimeout(() => timer.abort(), ask.timeoutMs ?? TIMEOUT_MS);
    const init = {
      method: ask.method ?? (body === undefined ? "GET" : "POST"),
      headers,
      signal: AbortSignal.any([this.#signal, timer.signal]),
      ...(body === undefined ? {} : { body, duplex: "half" as const }),
    };
    try {
      return await fetch(url + path, init);
    } catch (error) {
      if (timer.signal.aborted) {
        throw new CommandError(EXIT.unavailable, `${url} did not answer in time. Try again.`);
      }
      throw this.#broken(error);
    } finally {
      clearTimeout(timeout);
    }
  }

  #broken(error: unknown): CommandError {
    if (this.#signal.aborted) return new CommandError(EXIT.interrupted, "Interrupted.");
    return unreachable(this.connection.url, error);
  }
}

/** Nobody is there, or the connection broke. */
export function unreachable(url: string, error: unknown): CommandError {
  const { cause } = error as { cause?: { code?: string; message?: string } };
  const why = cause?.code ?? cause?.message ?? (error instanceof Error ? error.message : "?");
  return new CommandError(
    EXIT.unavailable,
    `No answer from ${url} (${harmless(why)}). Is Edgekeeper running there? \`edgekeeper dev\` ` +
      "starts one on this machine; --endpoint or EDGEKEEPER_ENDPOINT names another.",
    { cause: error },
  );
}

/** Of an answer that is an error, as all doors print it. */
async function refusalOf(response: Response): Promise<RefusedError> {
  const text = await response.text();
  const { status } = response;
  try {
    const { message, code } = JSON.parse(text) as { message: string; code: number };
    return new RefusedError({ status, code, message });
  } catch {
    const message = text.trim().slice(0, 200) || `HTTP status ${status}`;
    return new RefusedError({ status, code: GRPC.unknown, message });
  }
}

const DENIED: readonly number[] = [GRPC.permissionDenied, GRPC.unauthenticated];
const UNAVAILABLE: readonly number[] = [GRPC.unavailable, GRPC.deadlineExceeded];
/** etcd's codes for these are those of mistakes. */
const LACKS_USER = /user name is empty|authentication failed|invalid auth token/;

/** What a refusal by code and message means for whoever waits for the command. */
export function exitCodeOf(about: { readonly code: number; readonly message: string }): ExitCode {
  if (DENIED.includes(about.code) || LACKS_USER.test(about.message)) return EXIT.denied;
  if (UNAVAILABLE.includes(about.code)) return EXIT.unavailable;
  return about.code === GRPC.notFound ? EXIT.notFound : EXIT.failed;
}

/** The message, and what may be done about it. */
export function adviceOn({ code, message }: { code: number; message: string }): string {
  const text = harmless(message);
  if (/user name is empty/.test(text))
    return `${text}. Say who asks: --user NAME, and EDGEKEEPER_PASSWORD.`;
  if (/authentication failed/.test(text))
    return `${text}. See that --user and the password are right.`;
  if (code === GRPC.permissionDenied) return `${text}. Ask with a --user who may, such as root.`;
  if (code === GRPC.unauthenticated) {
    return `${text}. Give the deployment's token, --token or EDGEKEEPER_TOKEN; and see that it is right.`;
  }
  if (code === GRPC.unavailable || code === GRPC.deadlineExceeded) {
    return `${text}. \`edgekeeper doctor\` tells what is wrong.`;
  }
  return text;
}
