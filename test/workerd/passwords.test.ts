// The libraries that the Worker hashes passwords and signs tokens with, on the runtime that it runs on.

import { describe, expect, test } from "vitest";
import { asClusterId } from "../../src/base/types.ts";
import { Passwords } from "../../src/http/passwords.ts";
import { PLATFORM } from "../../src/http/platform.ts";
import { Tokens } from "../../src/http/tokens.ts";

/** A fresh private key in PEM. */
async function keyOf(algorithm: Parameters<typeof crypto.subtle.generateKey>[0]): Promise<string> {
  const pair = (await crypto.subtle.generateKey(algorithm, true, [
    "sign",
    "verify",
  ])) as CryptoKeyPair;
  const bytes = (await crypto.subtle.exportKey("pkcs8", pair.privateKey)) as ArrayBuffer;
  const base64 = btoa(String.fromCharCode(...new Uint8Array(bytes)));
  return `-----BEGIN PRIVATE KEY-----\n${base64}\n-----END PRIVATE KEY-----\n`;
}

const RSA = { modulusLength: 2_048, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" };

const KEYS: readonly (readonly [method: string, key: () => Promise<string>])[] = [
  ["EdDSA", () => keyOf({ name: "Ed25519" })],
  ["ES256", () => keyOf({ name: "ECDSA", namedCurve: "P-256" })],
  ["RS256", () => keyOf({ name: "RSASSA-PKCS1-v1_5", ...RSA })],
  ["HS256", async () => "a secret of at least 32 letters.."],
];

describe("inside workerd", () => {
  test("a password is hashed, and compared", async () => {
    const passwords = new Passwords(PLATFORM);
    const hashed = await passwords.hash("pw");
    expect(await passwords.isOf("pw", hashed)).toBe(true);
    expect(await passwords.isOf("wp", hashed)).toBe(false);
  });

  test.for(KEYS)("a web token is signed, and read: %s", async ([method, keyFor]) => {
    const key = await keyFor();
    const spec = `jwt,sign-method=${method},priv-key=KEY`;
    const tokens = new Tokens({ spec, secretOf: () => key });
    const claims = { name: "ann", cluster: "default", clusterId: asClusterId(9n), authRevision: 7 };
    const token = await tokens.sign(claims);
    expect(await tokens.read(token)).toEqual({ ...claims, expiresAt: expect.any(Number) });
    expect(await tokens.read(`${token.slice(0, -8)}AAAAAAAA`)).toBeNull();
  });
});
