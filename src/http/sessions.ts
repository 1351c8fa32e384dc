// Owns opening sessions: to the replica that leads now, through the one door of a replica that is
// not a call.

import type { ClientRequest } from "../api/replica.ts";
import { rangeOfKey } from "../api/kv-json.ts";
import { EMPTY } from "../base/bytes.ts";
import type { Contact } from "./contact.ts";
import type { ReplicaNetwork } from "./network.ts";
import type { Platform } from "./platform.ts";
import { failureError, RequestError } from "./response.ts";
import type { Router, Seeker } from "./router.ts";
import { SessionClient } from "./session-client.ts";
import type { SessionSocket } from "./session-connection.ts";
import type { OpenSession } from "./watch-stream.ts";

/** The path is for logs only: a replica has one thing to upgrade to. */
const SESSION_URL = "https://replica/session";
/** An upgrade takes one round trip; a replica that hangs is not waited for. */
const UPGRADE_MS = 2_000;
/** Failures to find a leader are told as for a read: nothing has happened. */
const READ: ClientRequest = { kind: "range", request: rangeOfKey(EMPTY), serializable: false };

export interface SessionsOptions extends Platform {
  readonly router: Router;
  readonly network: ReplicaNetwork;
}

/** How streams of one client open their sessions to `cluster`. */
export function sessionsTo(options: SessionsOptions, client: Seeker): OpenSession {
  const connect = (): Promise<SessionSocket> => openToLeader(options, client);
  const needsLeader = client.leaderWithinMs !== undefined;
  const { credentials = { kind: "none" } } = client;
  const own = { ...options, connect, needsLeader, credentials };
  return (owner) => new SessionClient({ ...own, ...owner });
}

/** A socket that came too late is closed, or the replica would keep a session for nobody. */
function abandon({ webSocket }: Response): void {
  webSocket?.accept();
  webSocket?.close(1000);
}

async function openToLeader(options: SessionsOptions, client: Seeker): Promise<SessionSocket> {
  const located = await options.router.locate(client);
  if (located.kind === "failed") throw new RequestError(failureError(located.failure, READ));
  const { contact } = located;
  const socket = await openSocket(options, { cluster: client.cluster, contact, url: SESSION_URL });
  if (socket === null) {
    throw new Error("the replica opened no session; another attempt is safe");
  }
  return socket;
}

/** A door of a replica for sockets. */
export interface SocketDoor {
  readonly cluster: string;
  readonly contact: Contact;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The socket that the replica gives; null when it gives none, or not in time. */
export async function openSocket(
  { network, sleep }: Pick<SessionsOptions, "network" | "sleep">,
  { cluster, contact, url, headers = {} }: SocketDoor,
): Promise<WebSocket | null> {
  const timer = new AbortController();
  const upgraded = network
    .replica(cluster, contact)
    .fetch(url, { headers: { Upgrade: "websocket", ...headers } });
  const response = await Promise.race([upgraded, sleep(UPGRADE_MS, timer.signal).then(() => null)]);
  timer.abort();
  if (response === null) void upgraded.then(abandon, () => undefined);
  return response?.webSocket ?? null;
}
