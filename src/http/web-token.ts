// Owns JSON Web Tokens that say who asks: signing and verifying them, with etcd's claims `username`,
// `revision` and `exp`, and two of our own: the clusters of a deployment share its keys, and what makes
// somebody root in one cluster must be of no use in another, nor in a later one of the same name. Keys are named in `token-options.ts`.

import {
  exportJWK,
  importJWK,
  importPKCS8,
  importSPKI,
  importX509,
  jwtVerify,
  SignJWT,
  type CryptoKey,
  type JWK,
} from "jose";
import { encodeUtf8 } from "../base/bytes.ts";
import { asClusterId, type ClusterId } from "../base/types.ts";
import { DEFAULT_CLUSTER } from "./router.ts";
import { isSymmetric, type WebTokenOptions } from "./token-options.ts";

/** What a token says. */
export interface Claims {
  readonly name: string;
  /** The name of the cluster whose user that is. */
  readonly cluster: string;
  /** Its id; null: tokens of others need not say. */
  readonly clusterId: ClusterId | null;
  /** Of the cluster's users and roles, when the token was issued. */
  readonly authRevision: number;
  /** When it ends, in ms since 1970; null: never. Of tokens that were read. */
  readonly expiresAt?: number | null;
}

type Key = CryptoKey | Uint8Array;

export class WebTokens {
  readonly #options: WebTokenOptions;
  /** Kept once they are imported: to wait for another request's import would be to depend on it. */
  #signing: Key | null = null;
  #verifying: Key | null = null;

  constructor(options: WebTokenOptions) {
    this.#options = options;
  }

  /** A token for the user. @throws Error when the key is no such key, or there is none. */
  async sign({ name, cluster, clusterId, authRevision }: Claims): Promise<string> {
    const { algorithm, ttlSeconds } = this.#options;
    const key = (this.#signing ??= await signingKey(this.#options));
    const own = { cluster, ...(clusterId === null ? {} : { cluster_id: String(clusterId) }) };
    return new SignJWT({ username: name, revision: authRevision, ...own })
      .setProtectedHeader({ alg: algorithm, typ: "JWT" })
      .setExpirationTime(`${ttlSeconds}s`)
      .sign(key);
  }

  /** What `token` says; null for one that is not ours, has expired, or says something else. */
  async verify(token: string): Promise<Claims | null> {
    try {
      const key = (this.#verifying ??= await verifyingKey(this.#options));
      const { payload } = await jwtVerify(token, key, { algorithms: [this.#options.algorithm] });
      const { username: name, revision, cluster = DEFAULT_CLUSTER, cluster_id: id } = payload;
      if (typeof name !== "string" || typeof cluster !== "string") return null;
      if (id !== undefined && (typeof id !== "string" || !/^[0-9]{1,20}$/.test(id))) return null;
      const clusterId = id === undefined ? null : asClusterId(BigInt(id));
      if (!Number.isSafeInteger(revision) || (revision as number) < 0) return null;
      const expiresAt = payload.exp === undefined ? null : Math.floor(payload.exp * 1_000);
      return { name, cluster, clusterId, authRevision: revision as number, expiresAt };
    } catch {
      return null;
    }
  }
}

async function signingKey({ algorithm, privateKey }: WebTokenOptions): Promise<Key> {
  if (privateKey === null) throw new Error("there is no priv-key to sign with");
  return isSymmetric(algorithm) ? encodeUtf8(privateKey) : importPKCS8(privateKey, algorithm);
}

async function verifyingKey({ algorithm, privateKey, publicKey }: WebTokenOptions): Promise<Key> {
  if (isSymmetric(algorithm)) return encodeUtf8(privateKey ?? publicKey ?? "");
  if (publicKey === null) return publicKeyOf(privateKey ?? "", algorithm);
  return publicKey.includes("BEGIN CERTIFICATE")
    ? importX509(publicKey, algorithm)
    : importSPKI(publicKey, algorithm);
}

/** What a private key has that is public. */
async function publicKeyOf(privateKey: string, algorithm: string): Promise<Key> {
  const whole = await exportJWK(await importPKCS8(privateKey, algorithm, { extractable: true }));
  const { kty, crv, x, y, n, e } = whole;
  const isPresent = ([, value]: [string, unknown]): boolean => value !== undefined;
  const jwk = Object.fromEntries(Object.entries({ kty, crv, x, y, n, e }).filter(isPresent));
  return importJWK(jwk as JWK, algorithm);
}
