// The session door of the Worker: what it finds out of a client, whom it asks, and what it tells the
// replica. Node has no answer of status 101, so what comes back after that is not looked at here.

import { SignJWT } from "jose";
import { describe, test } from "vitest";
import { GATEWAY_ERRORS } from "../../src/api/error.ts";
import { IDENTITY_HEADER, parseIdentity } from "../../src/api/session-identity.ts";
import type { Place } from "../../src/api/replica.ts";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import type { ReplicaStub } from "../../src/http/network.ts";
import { appTo } from "./support/app.ts";
import { FakeNetwork, follows, leads } from "./support/fake-network.ts";

const KEY = "a secret of thirty-two letters..";

/** Notes who is asked for a session, and with what headers. */
class Doors extends FakeNetwork {
  readonly asked: { region: string; url: string; headers: Headers }[] = [];
  readonly closed = new Set<string>();

  constructor() {
    const follower = follows("wnam");
    super({ wnam: leads("wnam"), enam: follower, weur: follower });
  }

  override replica(cluster: string, place: Place): ReplicaStub {
    const { region } = place;
    const fetch = async (url: string, init?: RequestInit): Promise<Response> => {
      this.asked.push({
        region,
        url,
        headers: new Headers(init?.headers),
      });
      const webSocket = this.closed.has(region) ? null : {};
      return { webSocket } as unknown as Response;
    };
    return { ...super.replica(cluster, place), fetch };
  }
}

const webToken = (username: string, more: object = {}): Promise<string> =>
  new SignJWT({ username, revision: 7, ...more })
    .setProtectedHeader({ alg: "HS256" })
    .setExpirationTime(4_000_000_000)
    .sign(encodeUtf8(KEY));

async function knock(
  path: string,
  headers: Readonly<Record<string, string>> = {},
  doors = new Doors(),
) {
  const authToken = { spec: "jwt,sign-method=HS256,priv-key=KEY", secretOf: () => KEY };
  const { send } = appTo(doors, { authToken });
  const response = await send("GET", path, { headers: { Upgrade: "websocket", ...headers } });
  return { response, asked: doors.asked, text: await response.text() };
}

describe("the session door", () => {
  test("asks the leader, and tells it that nobody is known", async ({ expect }) => {
    const { asked } = await knock("/v1/session");
    expect(asked.map(({ region, url }) => `${region} ${url}`)).toEqual([
      "wnam https://replica/door",
    ]);
    const identity = parseIdentity(asked[0]!.headers.get(IDENTITY_HEADER)!);
    expect(identity).toEqual({ credentials: { kind: "none" }, expiresAt: null });
  });

  test("tells what a web token says, and when it ends", async ({ expect }) => {
    const { asked } = await knock("/v1/session", { Authorization: await webToken("ann") });
    expect(parseIdentity(asked[0]!.headers.get(IDENTITY_HEADER)!)).toEqual({
      credentials: { kind: "user", name: "ann", authRevision: 7 },
      expiresAt: 4_000_000_000_000,
    });
  });

  test("passes on a token that only replicas know, also one offered as a subprotocol", async ({
    expect,
  }) => {
    for (const headers of [
      { Authorization: "abc.5" },
      { "Sec-WebSocket-Protocol": "Bearer, abc.5" },
    ] as const) {
      const { asked } = await knock("/v1/session", headers);
      expect(parseIdentity(asked[0]!.headers.get(IDENTITY_HEADER)!)).toEqual({
        credentials: { kind: "token", token: "abc.5" },
        expiresAt: null,
      });
    }
  });

  test("passes nothing else on: who a client says it is, least of all", async ({ expect }) => {
    const forged = "AAIEcm9vdAk=";
    const { asked } = await knock("/v1/session", {
      [IDENTITY_HEADER]: forged,
      Cookie: "a=b",
      "X-Other": "1",
    });
    expect([...asked[0]!.headers.keys()].toSorted()).toEqual([
      IDENTITY_HEADER.toLowerCase(),
      "upgrade",
    ]);
    const identity = parseIdentity(asked[0]!.headers.get(IDENTITY_HEADER)!);
    expect(identity.credentials).toEqual({ kind: "none" });
  });

  test("with ?any asks one after another until one opens", async ({ expect }) => {
    const doors = new Doors();
    doors.closed.add("wnam");
    const { asked } = await knock("/v1/session?any", {}, doors);
    expect(asked.map(({ region }) => region)).toEqual(["wnam", "enam"]);
  });

  test("asks nobody but the leader without it", async ({ expect }) => {
    const doors = new Doors();
    doors.closed.add("wnam");
    const { asked, response, text } = await knock("/v1/session", {}, doors);
    expect(asked).toHaveLength(1);
    expect(response.status).toBe(503);
    expect(text).toContain(GATEWAY_ERRORS.noSession.message);
  });

  test("is closed to a name that a socket cannot keep", async ({ expect }) => {
    const token = await webToken("n".repeat(200));
    const { asked, response, text } = await knock("/v1/session", { Authorization: token });
    expect(asked).toEqual([]);
    expect(response.status).toBe(400);
    expect(text).toContain(GATEWAY_ERRORS.nameTooLong.message);
  });
});
