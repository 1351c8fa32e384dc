// Owns what `EDGEKEEPER_AUTH_TOKEN` says: how users of a cluster show who they are. It is written as
// etcd's `--auth-token`, with the names of secrets where etcd has files:
//
//   simple
//   jwt,sign-method=ES256,pub-key=JWT_PUBLIC_KEY,priv-key=JWT_PRIVATE_KEY,ttl=5m

import { accept, refuse, type Result } from "../base/result.ts";

export interface TokenSettings {
  readonly spec: string;
  /** The secret of that name; undefined when it is not set. */
  readonly secretOf: (name: string) => string | undefined;
}

/** Tokens are issued by the replicas, which know whose each is. */
export const SIMPLE_TOKENS: TokenSettings = { spec: "simple", secretOf: () => undefined };

export type TokenOptions = { readonly kind: "simple" } | WebTokenOptions;

export interface WebTokenOptions {
  readonly kind: "jwt";
  readonly algorithm: string;
  /** A key or certificate in PEM; null: what belongs to the private one. */
  readonly publicKey: string | null;
  /** In PEM (PKCS #8), or any text for HS256 and its like; null: tokens are read, and never issued. */
  readonly privateKey: string | null;
  readonly ttlSeconds: number;
}

/** As etcd's. */
const TTL_SECONDS = 300;
const ALGORITHM = /^(?:(?:RS|PS|HS)(?:256|384|512)|ES256|ES384|ES512|EdDSA)$/;
const NAMES = ["sign-method", "pub-key", "priv-key", "ttl"];

export const isSymmetric = (algorithm: string): boolean => algorithm.startsWith("HS");

/** What the settings ask for, or what is wrong with them; that repeats no secret. */
export function parseTokenOptions({ spec, secretOf }: TokenSettings): Result<TokenOptions, string> {
  const [kind, ...rest] = spec.split(",").map((part) => part.trim());
  if (kind === "simple" || kind === "") return accept({ kind: "simple" });
  if (kind !== "jwt") return refuse("it begins with simple or jwt");
  const given = new Map(rest.map((part) => splitOption(part)));
  const unknown = [...given.keys()].find((name) => !NAMES.includes(name));
  if (unknown !== undefined) return refuse(`jwt takes ${NAMES.join(", ")}`);
  const algorithm = given.get("sign-method") ?? "";
  if (!ALGORITHM.test(algorithm))
    return refuse("sign-method is RS256, ES256, EdDSA, HS256 or alike");
  const ttlSeconds = secondsOf(given.get("ttl") ?? `${TTL_SECONDS}s`);
  if (ttlSeconds === null) return refuse("ttl is a duration, such as 5m or 1h30m");
  const keys = keysIn(given, secretOf);
  return keys.ok ? accept({ kind, algorithm, ttlSeconds, ...keys.value }) : keys;
}

function splitOption(part: string): [string, string] {
  const at = part.indexOf("=");
  return at < 0 ? [part, ""] : [part.slice(0, at), part.slice(at + 1)];
}

type Keys = Pick<WebTokenOptions, "publicKey" | "privateKey">;

function keysIn(
  given: ReadonlyMap<string, string>,
  secretOf: TokenSettings["secretOf"],
): Result<Keys, string> {
  const keys: (string | null)[] = [];
  for (const option of ["pub-key", "priv-key"]) {
    const name = given.get(option);
    const key = name === undefined ? null : (secretOf(name) ?? "");
    if (key === "") return refuse(`${option} names a secret that is not set`);
    keys.push(key);
  }
  const [publicKey = null, privateKey = null] = keys;
  if (publicKey === null && privateKey === null) {
    return refuse("jwt needs a priv-key to issue tokens, or a pub-key to read those of others");
  }
  return accept({ publicKey, privateKey });
}

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600 };

/** A duration as Go writes it, in whole seconds; null for what is none, or nothing. */
function secondsOf(text: string): number | null {
  if (!/^(?:[0-9]{1,6}[hms])+$/.test(text)) return null;
  let seconds = 0;
  for (const [, count, unit] of text.matchAll(/([0-9]+)([hms])/g)) {
    seconds += Number(count) * UNIT_SECONDS[unit!]!;
  }
  return seconds > 0 ? seconds : null;
}
