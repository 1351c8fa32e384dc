// Owns the question whether somebody may do what is about a cluster and asks none of its replicas as a
// client does: while auth is on, root alone. It needs no majority, for it is asked on bad days too:
//
//   no replica says that auth is on              there is nobody whom it could protect
//   the credentials are root's, by any replica   may
//   Authorization: Basic, of root                may, if the password is right: when a majority is lost
//                                                no token can be had, and those there were soon end

import type { Context } from "hono";
import { refusalError } from "../api/error.ts";
import type { AuthAnswer, AuthRequest } from "../base/auth.ts";
import { decodeUtf8 } from "../base/bytes.ts";
import type { Refusal } from "../base/refusal.ts";
import type { Told } from "./replica-survey.ts";
import { toRouterRequest, type Services } from "./request.ts";
import { RequestError } from "./response.ts";

const ROOT = "root";

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
  if (!told.some((replica) => replica.told.authEnabled === true)) return;
  // What root alone may ask.
  if ((await askAny(services, context, { op: "userList" })) !== null) return;
  if (await showsPassword(services, context)) return;
  throw new RequestError(refusalError("permissionDenied"));
}

async function showsPassword(services: Services, context: Context): Promise<boolean> {
  const password = rootPasswordIn(context.req.raw);
  if (password === null) return false;
  const known = await askAny(services, context, { op: "passwordOf", name: ROOT });
  return known?.op === "password" && services.passwords.isOf(password, known.passwordHash);
}

/** What any replica says, from what it has; null when it refuses, or none answers. */
async function askAny(
  services: Services,
  context: Context,
  request: AuthRequest,
): Promise<AuthAnswer | null> {
  const asked = { kind: "auth", request, serializable: true } as const;
  const served = await services.router.serve(toRouterRequest(context, services, asked));
  return served.kind === "answered" && served.answer.kind === "auth" ? served.answer.answer : null;
}

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
