// Owns authenticating by password: the hash is read, compared with here, and a token issued for what
// was compared. Users may change meanwhile: then all of it is done again, as etcd does.

import { GATEWAY_ERRORS, refusalError } from "../api/error.ts";
import type { Header } from "../api/replica.ts";
import { assert } from "../base/assert.ts";
import type { AuthAnswer, AuthRequest } from "../base/auth.ts";
import type { Refusal } from "../base/refusal.ts";
import type { Bytes } from "../base/types.ts";
import type { Passwords } from "./passwords.ts";
import { RequestError, requireAnswer } from "./response.ts";
import type { Served } from "./router.ts";
import type { Tokens } from "./tokens.ts";

/** Whoever changes users faster than a password is compared is told so by the last refusal. */
const ATTEMPTS_MAX = 4;
/** Of a simple token, as etcd's. */
const TOKEN_LETTERS = 16;

export interface AuthenticateServices {
  /** The cluster's name: its web tokens are of use there alone. */
  readonly cluster: string;
  readonly passwords: Passwords;
  readonly tokens: Tokens;
  readonly random: (size: number) => Bytes;
  /** Asks the cluster. */
  readonly ask: (request: AuthRequest) => Promise<Served>;
}

export interface NamedPassword {
  readonly name: string;
  readonly password: string;
}

interface Token {
  readonly header: Header;
  readonly token: string;
}

/** A token for the user. @throws RequestError, the same for unknown names and wrong passwords. */
export async function authenticate(
  services: AuthenticateServices,
  claim: NamedPassword,
): Promise<Token> {
  const issue = services.tokens.kind() === "simple" ? issueSimple : signWeb;
  for (let attempt = 1; ; attempt++) {
    const authRevision = await verified(services, claim);
    const token = await issue(services, { name: claim.name, authRevision });
    if (token !== null) return token;
    if (attempt === ATTEMPTS_MAX) throw new RequestError(refusalError(STALE));
  }
}

/** What is said when users or roles have changed since. */
const STALE: Refusal = "authRevisionOld";

/** The revision at which the password was right. @throws RequestError when it is not. */
async function verified(
  services: AuthenticateServices,
  { name, password }: NamedPassword,
): Promise<number> {
  const served = await services.ask({ op: "passwordOf", name });
  const isUnknown = served.kind === "refused" && served.refusal === "authFailed";
  const known = isUnknown ? null : passwordIn(served);
  // Whoever measures how long a refusal takes shall learn nothing of who there is.
  const isRight = await services.passwords.isOf(password, known?.passwordHash ?? null);
  if (known?.passwordHash === null) throw new RequestError(GATEWAY_ERRORS.noPasswordUser);
  if (known === null || !isRight) throw new RequestError(refusalError("authFailed"));
  return known.authRevision;
}

type Issued = { readonly name: string; readonly authRevision: number };

/** Null when users or roles have changed since the password was compared. */
async function issueSimple(services: AuthenticateServices, issued: Issued): Promise<Token | null> {
  const letters = randomLetters(services.random(2 * TOKEN_LETTERS));
  const served = await services.ask({ op: "issueToken", ...issued, letters });
  if (served.kind === "refused" && served.refusal === STALE) return null;
  const { header, answer } = authAnswerIn(served);
  assert(answer.op === "token", "a token was asked for");
  return { header, token: answer.token };
}

/** The same. One that is old at its birth would be of no use. */
async function signWeb(services: AuthenticateServices, issued: Issued): Promise<Token | null> {
  const { cluster } = services;
  const served = await services.ask({ op: "passwordOf", name: issued.name });
  const { header } = authAnswerIn(served);
  if (passwordIn(served).authRevision !== issued.authRevision) return null;
  const { clusterId } = header;
  return { header, token: await services.tokens.sign({ ...issued, cluster, clusterId }) };
}

function passwordIn(served: Served): Extract<AuthAnswer, { op: "password" }> {
  const { answer } = authAnswerIn(served);
  assert(answer.op === "password", "a hash was asked for");
  return answer;
}

/** @throws RequestError unless it was answered. */
function authAnswerIn(served: Served): {
  readonly header: Header;
  readonly answer: AuthAnswer;
} {
  const { header, answer } = requireAnswer(served, { kind: "auth", request: { op: "status" } });
  assert(answer.kind === "auth", "an answer is of its request's kind");
  return { header, answer: answer.answer };
}

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** One letter for each two bytes: 91 bits in all, as etcd's. */
function randomLetters(bytes: Bytes): string {
  const numbers = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let letters = "";
  for (let at = 0; at + 1 < bytes.length; at += 2) {
    letters += LETTERS[numbers.getUint16(at) % LETTERS.length];
  }
  return letters;
}
