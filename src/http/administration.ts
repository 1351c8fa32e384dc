// Owns the question whether somebody may do what is about a cluster and asks none of its replicas as a
// client does: while auth is on, root alone. It needs no majority, for it is asked on bad days too:
//
//   no replica says that auth is on              there is nobody whom it could protect
//   the credentials are root's                   may
//   Authorization: Basic, of root                may, if the password is right: when a majority is lost
//                                                no token can be had, and those there were soon end
//
// Who root is says the cluster as of now. When nobody leads it, that replica says so which has applied
// most of those that know of users: one that is behind might let in whoever asks.

import type { Context } from "hono";
import { refusalError } from "../api/error.ts";
import type { ReplicaAnswer } from "../api/replica.ts";
import type { AuthAnswer, AuthRequest } from "../base/auth.ts";
import { decodeUtf8 } from "../base/bytes.ts";
import type { Refusal } from "../base/refusal.ts";
import { askReplicas, leadingRegion, type Told } from "./replica-survey.ts";
import { toRouterRequest, type Services } from "./request.ts";
import { RequestError } from "./response.ts";
import type { Served } from "./router.ts";

const ROOT = "root";
/** How long a replica that is asked by itself may take. */
const ALONE_MS = 2_000;

const LACK_OF_RIGHTS: ReadonlySet<Refusal> = new Set<Refusal>([
  "userNameEmpty",
  "invalidAuthToken",
  "permissionDenied",
  "authRevisionOld",
  "userNotFound",
]);

/** Whether a request was refused for who asks, not for what is asked. */
export const isForLackOfRights = (refusal: Refusal): boolean => LACK_OF_RIGHTS.has(refusal);

/**
 * `told` is what the replicas have told of themselves.
 *
 * @throws RequestError unless whoever sent the request may do what root may.
 */
export async function requireRoot(
  services: Services,
  context: Context,
  told: readonly Told[],
): Promise<void> {
  // Also of code that knows no users, which must not be asked about them.
  const known = told.filter((replica) => replica.told.authEnabled === true);
  const [latest] = known.toSorted((a, b) => b.told.applied - a.told.applied);
  if (latest === undefined) return;
  const isLed = leadingRegion(told) !== null;
  const ask: Ask = (request) => askAbout(services, context, { request, latest, isLed });
  // What root alone may ask.
  if ((await ask({ op: "userList" })) !== null) return;
  if (await showsPassword(services, context, ask)) return;
  throw new RequestError(refusalError("permissionDenied"));
}

/** Null when it is refused, or nobody answers. */
type Ask = (request: AuthRequest) => Promise<AuthAnswer | null>;

async function showsPassword(services: Services, context: Context, ask: Ask): Promise<boolean> {
  const password = rootPasswordIn(context.req.raw);
  if (password === null) return false;
  const known = await ask({ op: "passwordOf", name: ROOT });
  return known?.op === "password" && services.passwords.isOf(password, known.passwordHash);
}

async function askAbout(
  services: Services,
  context: Context,
  asked: { readonly request: AuthRequest; readonly latest: Told; readonly isLed: boolean },
): Promise<AuthAnswer | null> {
  const { request, latest, isLed } = asked;
  if (isLed) {
    const routed = toRouterRequest(context, services, { kind: "auth", request });
    const served = await services.router.serve(routed);
    if (served.kind !== "failed") return answerIn(served);
  }
  const { cluster, ...routed } = toRouterRequest(context, services, {
    kind: "auth",
    request,
    serializable: true,
  });
  const { request: query, credentials = { kind: "none" }, requestId, trace } = routed;
  const call = { request: query, credentials, requestId, trace, timeoutMs: ALONE_MS };
  const order = { cluster, places: [latest.place], patienceMs: ALONE_MS };
  const { told } = await askReplicas(services, order, (replica) => replica.serve(call));
  return answerIn(told[0]?.told ?? null);
}

const answerIn = (answer: Served | ReplicaAnswer | null): AuthAnswer | null =>
  answer?.kind === "answered" && answer.answer.kind === "auth" ? answer.answer.answer : null;

/** The password in `Authorization: Basic`, when it is root's; else null. */
function rootPasswordIn(request: Request): string | null {
  const [scheme = "", encoded = ""] = (request.headers.get("Authorization") ?? "").split(" ");
  if (scheme.toLowerCase() !== "basic") return null;
  const text = textOf(encoded);
  return text?.startsWith(`${ROOT}:`) === true ? text.slice(ROOT.length + 1) : null;
}

function textOf(base64: string): string | null {
  try {
    return decodeUtf8(Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0)));
  } catch {
    return null;
  }
}
