// JSON Web Tokens: what the environment may say of them, and what they say of users.

import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { decodeJwt, decodeProtectedHeader, SignJWT } from "jose";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { asClusterId } from "../../src/base/types.ts";
import { parseTokenOptions } from "../../src/http/token-options.ts";
import { Tokens } from "../../src/http/tokens.ts";

const pem = (key: KeyObject): string =>
  key.export({ format: "pem", type: key.type === "private" ? "pkcs8" : "spki" }) as string;
const pairOf = ({ publicKey, privateKey }: { publicKey: KeyObject; privateKey: KeyObject }) => ({
  PUB: pem(publicKey),
  PRIV: pem(privateKey),
});

const KEYS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  RS256: pairOf(generateKeyPairSync("rsa", { modulusLength: 2_048 })),
  PS384: pairOf(generateKeyPairSync("rsa", { modulusLength: 2_048 })),
  ES256: pairOf(generateKeyPairSync("ec", { namedCurve: "P-256" })),
  EdDSA: pairOf(generateKeyPairSync("ed25519")),
  HS256: { PRIV: "not quite a secret of 32 letters" },
};
const METHODS = Object.keys(KEYS);

/** Tokens of `method` with its keys; `options` as etcd writes them. */
const tokensOf = (method: string, options = "", secrets = KEYS[method]!): Tokens => {
  const named = Object.keys(secrets).map((name) =>
    name === "PUB" ? "pub-key=PUB" : "priv-key=PRIV",
  );
  const spec = ["jwt", `sign-method=${method}`, ...named, options].filter((part) => part !== "");
  return new Tokens({ spec: spec.join(","), secretOf: (name) => secrets[name] });
};

const ANN = {
  name: "ann",
  cluster: "default",
  clusterId: asClusterId(9n),
  authRevision: 7,
  expiresAt: 1_700_000_300_000,
};

describe("what the environment says", () => {
  const secretOf = (name: string): string | undefined => ({ PRIV: "p", PUB: "q" })[name];
  const read = (spec: string) => parseTokenOptions({ spec, secretOf });
  const jwt = { kind: "jwt", algorithm: "HS256", privateKey: "p", publicKey: null };

  test.for([
    ["simple", { kind: "simple" }],
    ["", { kind: "simple" }],
    ["jwt,sign-method=HS256,priv-key=PRIV", { ...jwt, ttlSeconds: 300 }],
    ["jwt, sign-method=HS256, priv-key=PRIV, ttl=10m", { ...jwt, ttlSeconds: 600 }],
    ["jwt,sign-method=HS256,priv-key=PRIV,ttl=1h30m5s", { ...jwt, ttlSeconds: 5_405 }],
    [
      "jwt,sign-method=RS256,pub-key=PUB",
      { kind: "jwt", algorithm: "RS256", privateKey: null, publicKey: "q", ttlSeconds: 300 },
    ],
  ] as const)("%s", ([spec, value]) => {
    expect(read(spec)).toEqual({ ok: true, value });
  });

  test.for([
    ["oauth", "it begins with"],
    ["jwt", "sign-method"],
    ["jwt,sign-method=none,priv-key=PRIV", "sign-method"],
    ["jwt,sign-method=HS256", "needs a priv-key"],
    ["jwt,sign-method=HS256,priv-key=NOT_SET", "priv-key names a secret that is not set"],
    ["jwt,sign-method=HS256,priv-key=PRIV,ttl=soon", "ttl"],
    ["jwt,sign-method=HS256,priv-key=PRIV,ttl=0s", "ttl"],
    ["jwt,sign-method=HS256,private-key=PRIV", "jwt takes"],
  ] as const)("%s is refused: %s", ([spec, reason]) => {
    expect(read(spec)).toMatchObject({ ok: false, error: expect.stringContaining(reason) });
  });

  test("what is wrong is told where tokens are issued; what is shown is left to the replicas", async () => {
    const tokens = new Tokens({ spec: "jwt", secretOf });
    expect(() => tokens.kind()).toThrow("edgekeeper: EDGEKEEPER_AUTH_TOKEN: sign-method");
    expect(await tokens.read("abc.5")).toBeNull();
  });
});

describe("a web token", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"], now: 1_700_000_000_000 }));
  afterEach(() => void vi.useRealTimers());

  test.for(METHODS)("of %s says who, and as of which revision", async (method) => {
    const tokens = tokensOf(method);
    const token = await tokens.sign(ANN);
    expect(await tokens.read(token)).toEqual(ANN);
    expect(decodeProtectedHeader(token)).toEqual({ alg: method, typ: "JWT" });
    expect(decodeJwt(token)).toEqual({
      username: "ann",
      revision: 7,
      exp: 1_700_000_300,
      cluster: "default",
      cluster_id: "9",
    });
  });

  test.for(METHODS)("of %s is not of another key", async (method) => {
    const other = {
      PRIV: KEYS[method]!["PRIV"]!.startsWith("-") ? "" : "another secret of 32 letters....",
    };
    const forged = await new SignJWT({ username: "ann", revision: 7 })
      .setProtectedHeader({ alg: "HS256" })
      .setExpirationTime("5m")
      .sign(new TextEncoder().encode(other.PRIV === "" ? KEYS[method]!["PUB"] : other.PRIV));
    // Also: a public key that was used as the secret of another method.
    expect(await tokensOf(method).read(forged)).toBeNull();
  });

  test("ends when its time is over", async () => {
    const tokens = tokensOf("HS256", "ttl=10s");
    const token = await tokens.sign(ANN);
    vi.setSystemTime(1_700_000_009_000);
    expect(await tokens.read(token)).toEqual({ ...ANN, expiresAt: 1_700_000_010_000 });
    vi.setSystemTime(1_700_000_010_000);
    expect(await tokens.read(token)).toBeNull();
  });

  test("may be read with the public key alone, which issues none", async () => {
    const token = await tokensOf("ES256").sign(ANN);
    const reader = tokensOf("ES256", "", { PUB: KEYS["ES256"]!["PUB"]! });
    expect(await reader.read(token)).toEqual(ANN);
    await expect(reader.sign(ANN)).rejects.toThrow("EDGEKEEPER_AUTH_TOKEN: the priv-key");
  });

  test("needs no public key where there is the private one", async () => {
    for (const method of ["RS256", "ES256", "EdDSA"]) {
      const tokens = tokensOf(method, "", { PRIV: KEYS[method]!["PRIV"]! });
      expect(await tokens.read(await tokens.sign(ANN))).toEqual(ANN);
    }
  });

  const signed = (claims: object): Promise<string> =>
    new SignJWT({ ...claims })
      .setProtectedHeader({ alg: "HS256" })
      .setExpirationTime("5m")
      .sign(new TextEncoder().encode(KEYS["HS256"]!["PRIV"]));

  test.for([
    // As etcd issues them: of the one cluster that is there.
    [
      { username: "ann", revision: 7 },
      { ...ANN, clusterId: null },
    ],
    [
      { username: "ann", revision: 7, cluster: "other" },
      { ...ANN, cluster: "other", clusterId: null },
    ],
    [{ username: "ann", revision: 7, cluster_id: "9" }, ANN],
    [{ username: "ann", revision: 7, cluster_id: 9 }, null],
    [{ username: "ann", revision: 7, cluster_id: "" }, null],
    [{ username: "ann", revision: 7, cluster: 5 }, null],
    [{ username: "ann", revision: "7" }, null],
    [{ username: "ann", revision: -7 }, null],
    [{ username: "ann" }, null],
    [{ revision: 7 }, null],
    [{ username: 5, revision: 7 }, null],
  ] as const)("that says %o is read as %o", async ([claims, expected]) => {
    expect(await tokensOf("HS256").read(await signed(claims))).toEqual(expected);
  });

  test("a key that is none is told without repeating it", async () => {
    const broken = tokensOf("RS256", "", { PRIV: "-----BEGIN PRIVATE KEY-----\nsecret" });
    await expect(broken.sign(ANN)).rejects.toThrow(
      /^edgekeeper: EDGEKEEPER_AUTH_TOKEN: the priv-key is none for this sign-method$/,
    );
  });
});
