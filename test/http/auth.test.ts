// The calls about users as a client sees them, and what of them a replica hears: never a password.
// The replicas are played.

import { describe, expect, test } from "vitest";
import type { AuthAnswer, AuthRequest } from "../../src/base/auth.ts";
import type { Refusal } from "../../src/base/refusal.ts";
import { Passwords } from "../../src/http/passwords.ts";
import { PLATFORM } from "../../src/http/platform.ts";
import { appTo, errorOf } from "./support/app.ts";
import { FakeNetwork, hangs, headerOf } from "./support/fake-network.ts";

type Told = AuthAnswer | Refusal;

/** A cluster whose leader answers calls about users as `answer` says, and what it was asked. */
function clusterOf(answer: (request: AuthRequest) => Told) {
  const asked: AuthRequest[] = [];
  const network = new FakeNetwork({
    wnam: ({ request }) => {
      if (request.kind !== "auth") throw new Error(`${request.kind} is not played`);
      asked.push(request.request);
      const told = answer(request.request);
      const header = headerOf("wnam", 1);
      return typeof told === "string"
        ? { kind: "refused", refusal: told, header }
        : { kind: "answered", header, answer: { kind: "auth", answer: told } };
    },
  });
  return { asked, network, ...appTo(network) };
}

const HEADER = { cluster_id: "9", member_id: "1", revision: "7", raft_term: "1" };
const done = (): AuthAnswer => ({ op: "done" });
const passwords = new Passwords(PLATFORM);

test("a newborn cluster is given time to have users", async () => {
  let refusals = 2;
  const { asked, post } = clusterOf(() => (refusals-- > 0 ? "changeUnderWay" : { op: "done" }));
  expect((await post("/v3/auth/role/add", '{"name":"reader"}')).status).toBe(200);
  expect(asked).toHaveLength(3);
});

describe("what becomes of passwords", () => {
  test("a replica is given a hash of it", async () => {
    const { asked, post } = clusterOf(done);
    for (const path of ["/v3/auth/user/add", "/v3/auth/user/changepw"]) {
      const response = await post(path, '{"name":"ann","password":"pw"}');
      expect(response.status).toBe(200);
      expect(await response.json()).toEqual({ header: HEADER });
      const request = asked.at(-1) as Extract<AuthRequest, { op: "userAdd" }>;
      expect(JSON.stringify(request)).not.toContain('"pw"');
      expect(await passwords.isOf("pw", request.passwordHash)).toBe(true);
    }
    expect(asked.map(({ op }) => op)).toEqual(["userAdd", "userChangePassword"]);
  });

  test("a user without a password has no hash, one with an empty password has", async () => {
    const { asked, post } = clusterOf(done);
    await post("/v3/auth/user/add", '{"name":"ann","options":{"no_password":true}}');
    expect(asked).toEqual([{ op: "userAdd", name: "ann", passwordHash: null }]);
    await post("/v3/auth/user/add", '{"name":"ann"}');
    const { passwordHash } = asked[1] as Extract<AuthRequest, { op: "userAdd" }>;
    expect(await passwords.isOf("", passwordHash)).toBe(true);
  });

  test("a hash made elsewhere is taken as it is", async () => {
    const { asked, post } = clusterOf(done);
    const hash = `$2y$12$${"x".repeat(53)}`;
    await post("/v3/auth/user/add", JSON.stringify({ name: "ann", hashedPassword: btoa(hash) }));
    expect(asked).toEqual([{ op: "userAdd", name: "ann", passwordHash: hash }]);
  });

  test.for([
    [{ password: "x".repeat(73) }, 500, errorOf(2, "bcrypt: password length exceeds 72 bytes")],
    [{ hashedPassword: "plain" }, 400, { code: 3 }],
    [{ hashedPassword: `$2a$31$${"x".repeat(53)}` }, 400, { code: 3 }],
  ] as const)("%o is refused, and reaches no replica", async ([secret, status, error]) => {
    const { asked, post } = clusterOf(done);
    const response = await post("/v3/auth/user/add", JSON.stringify({ name: "ann", ...secret }));
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject(error);
    expect(asked).toEqual([]);
  });
});

describe("authenticate", () => {
  const authenticate = (password = "pw"): string => JSON.stringify({ name: "ann", password });
  const path = "/v3/auth/authenticate";
  const FAILED = errorOf(3, "etcdserver: authentication failed, invalid user ID or password");

  /** Knows ann, whose password is "pw", at the auth revisions `revisions`, one at each question. */
  async function knowing(...revisions: readonly number[]) {
    const passwordHash = await passwords.hash("pw");
    const left = [...revisions];
    let revision = 0;
    return clusterOf((request) => {
      switch (request.op) {
        case "passwordOf":
          revision = left.shift() ?? revision;
          return { op: "password", passwordHash, authRevision: revision };
        case "issueToken":
          revision = left.shift() ?? revision;
          if (request.authRevision !== revision) return "authRevisionOld";
          return { op: "token", token: `${request.letters}.12` };
        default:
          return done();
      }
    });
  }

  test("a right password is worth a token", async () => {
    const { asked, post } = await knowing(7);
    const response = await post(path, authenticate());
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      header: HEADER,
      token: expect.stringMatching(/^[A-Za-z]{16}\.12$/),
    });
    expect(asked).toEqual([
      { op: "passwordOf", name: "ann" },
      { op: "issueToken", name: "ann", authRevision: 7, letters: expect.any(String) },
    ]);
  });

  test("a wrong one is not, and nothing is asked for", async () => {
    const { asked, post } = await knowing(7);
    const response = await post(path, authenticate("wrong"));
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual(FAILED);
    expect(asked.map(({ op }) => op)).toEqual(["passwordOf"]);
  });

  test.for([
    ["authFailed", 400, FAILED],
    ["authNotEnabled", 400, errorOf(9, "etcdserver: authentication is not enabled")],
    [
      { op: "password", passwordHash: null, authRevision: 1 },
      500,
      errorOf(2, "auth: authentication failed, password was given for no password user"),
    ],
  ] as const)("when the replica says %o, status %i", async ([told, status, error]) => {
    const { post } = clusterOf(() => told);
    const response = await post(path, authenticate());
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual(error);
  });

  test("who is not there takes as long as who is", async () => {
    const time = async (told: Told): Promise<number> => {
      const { post } = clusterOf(() => told);
      const from = performance.now();
      await post(path, authenticate("wrong"));
      return performance.now() - from;
    };
    const passwordHash = await passwords.hash("pw");
    const known = await time({ op: "password", passwordHash, authRevision: 1 });
    const none = await time({ op: "password", passwordHash: null, authRevision: 1 });
    expect(await time("authFailed")).toBeGreaterThan(known / 3);
    expect(none).toBeGreaterThan(known / 3);
  });

  test("when users change meanwhile, it is compared again, with what is true then", async () => {
    const { asked, post } = await knowing(7, 8, 8);
    expect((await post(path, authenticate())).status).toBe(200);
    expect(asked.map(({ op }) => op)).toEqual([
      "passwordOf",
      "issueToken",
      "passwordOf",
      "issueToken",
    ]);
  });

  test("when they never cease to, it ends", async () => {
    const { asked, post } = await knowing(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
    const response = await post(path, authenticate());
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual(errorOf(3, "etcdserver: revision of auth store is old"));
    expect(asked).toHaveLength(8);
  });
});

describe("with web tokens", () => {
  const authToken = {
    spec: "jwt,sign-method=HS256,priv-key=KEY",
    secretOf: () => "a secret of at least 32 letters..",
  };
  const body = '{"name":"ann","password":"pw"}';

  async function knowing(...revisions: number[]) {
    const passwordHash = await passwords.hash("pw");
    const { network, asked } = clusterOf(() => ({
      op: "password",
      passwordHash,
      authRevision: revisions.length > 1 ? revisions.shift()! : revisions[0]!,
    }));
    return { network, asked, ...appTo(network, { authToken }) };
  }

  async function tokenFrom(response: Response): Promise<string> {
    return ((await response.json()) as { token: string }).token;
  }

  test("one is signed as of the revision at which the password was compared", async () => {
    const { asked, network, post, send } = await knowing(7);
    const token = await tokenFrom(await post("/v3/auth/authenticate", body));
    expect(asked.map(({ op }) => op)).toEqual(["passwordOf", "passwordOf"]);
    const headers = { Authorization: `Bearer ${token}` };
    await send("POST", "/v3/auth/user/list", { headers });
    const user = { kind: "user", name: "ann", authRevision: 7, clusterId: 9n };
    expect(network.calls.at(-1)?.credentials).toEqual(user);
  });

  test("one that would be old at its birth is not signed", async () => {
    const { asked, network, post, send } = await knowing(7, 8, 8);
    const token = await tokenFrom(await post("/v3/auth/authenticate", body));
    expect(asked).toHaveLength(4);
    await send("POST", "/v3/auth/user/list", { headers: { Authorization: token } });
    expect(network.calls.at(-1)?.credentials).toMatchObject({ authRevision: 8 });
  });

  test("one of another cluster says nothing here: replicas know no such token", async () => {
    const { network, post, send } = await knowing(7);
    const token = await tokenFrom(await post("/c/other/v3/auth/authenticate", body));
    const headers = { Authorization: token };
    await send("POST", "/v3/auth/user/list", { headers });
    expect(network.calls.at(-1)?.credentials).toEqual({ kind: "token", token });
    await send("POST", "/c/other/v3/auth/user/list", { headers });
    expect(network.calls.at(-1)?.credentials).toMatchObject({ kind: "user", name: "ann" });
  });

  test("a deployment that cannot issue any says why", async () => {
    const { network } = await knowing(7);
    const { post } = appTo(network, { authToken: { ...authToken, secretOf: () => undefined } });
    const response = await post("/v3/auth/authenticate", body);
    expect(response.status).toBe(400);
    expect(await response.text()).toContain(
      "edgekeeper: EDGEKEEPER_AUTH_TOKEN: priv-key names a secret that is not set",
    );
  });
});

describe("doors", () => {
  test("verbs other than POST are 501, other paths 404", async () => {
    const { send, post } = clusterOf(done);
    expect((await send("GET", "/v3/auth/status")).status).toBe(501);
    expect((await post("/v3/auth/nope")).status).toBe(404);
    expect((await post("/v3beta/auth/enable")).status).toBe(200);
    expect((await post("/c/other/v3/auth/user/list")).status).toBe(200);
  });

  test.for([
    ["invalidAuthToken", 401, errorOf(16, "etcdserver: invalid auth token")],
    ["userNameEmpty", 400, errorOf(3, "etcdserver: user name is empty")],
    ["permissionDenied", 403, errorOf(7, "etcdserver: permission denied")],
    ["authRevisionOld", 400, errorOf(3, "etcdserver: revision of auth store is old")],
  ] as const)("%s is %i", async ([refusal, status, error]) => {
    const response = await clusterOf(() => refusal).post("/v3/auth/user/list");
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual(error);
    const told = status === 401 ? "etcdserver: invalid auth token" : null;
    expect(response.headers.get("WWW-Authenticate")).toBe(told);
  });

  test("a cluster is healthy for those who are none of its users", async () => {
    for (const refusal of ["userNameEmpty", "permissionDenied", "invalidAuthToken"] as const) {
      const header = headerOf("wnam", 1);
      const network = new FakeNetwork({ wnam: () => ({ kind: "refused", refusal, header }) });
      const response = await appTo(network).send("GET", "/health");
      expect(await response.json()).toEqual({ health: "true", reason: "" });
    }
  });

  test("a silent replica that refuses the question whether it is there, is there", async () => {
    const { network, asked, post } = clusterOf(done);
    const answer = network.replicas.get("wnam")!;
    await post("/v3/auth/user/list");
    const late = Promise.withResolvers<void>();
    network.replicas.set("wnam", async (call) => {
      if (call.request.kind === "auth") {
        await late.promise;
        return answer(call);
      }
      // The question, which nobody asks: nobody may read while users are in force.
      setTimeout(late.resolve, 10);
      return { kind: "refused", refusal: "userNameEmpty", header: headerOf("wnam", 1) };
    });
    network.replicas.set("enam", hangs).set("weur", hangs);
    expect((await post("/v3/auth/user/list")).status).toBe(200);
    expect(asked).toHaveLength(2);
    expect(network.log.filter((line) => line.startsWith("urge"))).toEqual([]);
  });
});
