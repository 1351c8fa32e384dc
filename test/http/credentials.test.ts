// What a request shows of who sends it, and what of that a replica hears. The replicas are played.

import { describe, expect, test } from "vitest";
import type { Credentials } from "../../src/base/auth.ts";
import { appTo, led } from "./support/app.ts";

const token = (text: string): Credentials => ({ kind: "token", token: text });
const NOBODY: Credentials = { kind: "none" };
const SOCKET = { Upgrade: "websocket" };

/** What the replica that leads is told of who asks, for a request with these headers. */
async function toldOf(
  headers: Record<string, string>,
  { secret = null, path = "/v3/kv/range" }: { secret?: string | null; path?: string } = {},
): Promise<Credentials | undefined> {
  const network = led();
  const { send } = appTo(network, { token: secret, development: secret === null });
  const method = path.startsWith("/v3") ? "POST" : "GET";
  const response = await send(method, path, { headers });
  return response.status === 401 ? undefined : network.calls[0]?.credentials;
}

describe("a user's token", () => {
  test.for([
    [{}, NOBODY],
    [{ Authorization: "abc.5" }, token("abc.5")],
    [{ Authorization: "Bearer abc.5" }, token("abc.5")],
    [{ Authorization: "bearer  abc.5" }, token("abc.5")],
    // etcd takes it for a token, too, and refuses it.
    [{ Authorization: "" }, token("")],
    [{ Authorization: "Basic cm9vdDpwdw==" }, token("Basic cm9vdDpwdw==")],
    [{ Token: "abc.5" }, NOBODY],
    [{ "Grpc-Metadata-Token": "abc.5" }, token("abc.5")],
    [{ "Grpc-Metadata-Authorization": "abc.5" }, token("abc.5")],
    [{ "Grpc-Metadata-Token": "a.1", "Grpc-Metadata-Authorization": "b.2" }, token("a.1")],
    [{ "Grpc-Metadata-Token": "a.1", Authorization: "b.2" }, token("a.1")],
    [{ "Grpc-Metadata-Authorization": "a.1", Authorization: "b.2" }, token("a.1")],
    // Only of sockets, which pages cannot give headers: else another site could use them.
    [{ Cookie: "token=abc.5" }, NOBODY],
    [{ "Sec-WebSocket-Protocol": "Bearer, abc.5" }, NOBODY],
  ] as const)("%o is told as %o", async ([headers, expected]) => {
    expect(await toldOf({ ...headers })).toEqual(expected);
  });

  // A socket whose upgrade nobody takes is an ordinary request, which shows what it tells of its user.
  test.for([
    [{ Cookie: "a=b; token=abc.5; c=d" }, token("abc.5")],
    [{ Cookie: "mytoken=abc.5" }, NOBODY],
    [{ "Sec-WebSocket-Protocol": "Bearer, abc.5" }, token("abc.5")],
    [{ "Sec-WebSocket-Protocol": "etcd, Bearer, abc.5" }, token("abc.5")],
    [{ "Sec-WebSocket-Protocol": "Bearer" }, NOBODY],
    [{ "Sec-WebSocket-Protocol": "abc.5" }, NOBODY],
    [{ "Sec-WebSocket-Protocol": "Bearer, a.1", Cookie: "token=b.2" }, token("b.2")],
    [{ "Sec-WebSocket-Protocol": "Bearer, a.1", Authorization: "b.2" }, token("a.1")],
    [{ Authorization: "b.2" }, token("b.2")],
  ] as const)("of a socket %o is told as %o", async ([headers, expected]) => {
    expect(await toldOf({ ...headers, ...SOCKET }, { path: "/v1/kv/key" })).toEqual(expected);
  });

  test.for(["/v1/kv/key", "/v1/kv/key?prefix", "/health", "/c/default/v1/kv/key"])(
    "%s tells it as well",
    async (path) => {
      expect(await toldOf({ Authorization: "abc.5" }, { path })).toEqual(token("abc.5"));
    },
  );
});

describe("with the deployment's token", () => {
  const secret = "s3cret";
  test.for([
    [{ "Edgekeeper-Token": "s3cret" }, NOBODY],
    [{ "Edgekeeper-Token": "s3cret", Authorization: "abc.5" }, token("abc.5")],
    [{ "Edgekeeper-Token": "s3cret", Authorization: "Bearer abc.5" }, token("abc.5")],
    [{ "Edgekeeper-Token": "s3cret", "Grpc-Metadata-Token": "abc.5" }, token("abc.5")],
    [{ Authorization: "Bearer s3cret", "Grpc-Metadata-Token": "abc.5" }, token("abc.5")],
    // Where it stands, it is nobody's.
    [{ Authorization: "Bearer s3cret" }, NOBODY],
    [{ Authorization: "s3cret" }, NOBODY],
    [{ "Edgekeeper-Token": "s3cret", Authorization: "Bearer s3cret" }, NOBODY],
    [{ "Grpc-Metadata-Token": "s3cret", Authorization: "s3cret" }, NOBODY],
    // A wrong one in its own header is not made good by anything else.
    [{ "Edgekeeper-Token": "wrong", Authorization: "Bearer s3cret" }, undefined],
    [{ "Edgekeeper-Token": "", Authorization: "Bearer s3cret" }, undefined],
    [{ "Edgekeeper-Token": "Bearer s3cret" }, undefined],
    [{ "Grpc-Metadata-Token": "s3cret" }, undefined],
    [{ Cookie: "token=s3cret", ...SOCKET }, undefined],
    [{ Authorization: "Bearer abc.5" }, undefined],
    [{}, undefined],
  ] as const)("%o is told as %o", async ([headers, expected]) => {
    expect(await toldOf({ ...headers }, { secret })).toEqual(expected);
  });

  test.for([
    ["Bearer, s3cret", NOBODY],
    ["Edgekeeper, s3cret", NOBODY],
    ["Edgekeeper, s3cret, Bearer, abc.5", token("abc.5")],
    ["Bearer, abc.5, Edgekeeper, s3cret", token("abc.5")],
    ["Bearer, s3cret, Edgekeeper, wrong", undefined],
    ["Bearer, abc.5", undefined],
  ] as const)("the subprotocols %s are told as %o", async ([offer, expected]) => {
    const headers = { "Sec-WebSocket-Protocol": offer, ...SOCKET };
    expect(await toldOf(headers, { secret, path: "/v1/kv/key" })).toEqual(expected);
  });

  test("pages may send it", async () => {
    const { send } = appTo(led(), { token: secret, development: false });
    const response = await send("OPTIONS", "/v3/kv/range");
    expect(response.headers.get("Access-Control-Allow-Headers")).toContain("edgekeeper-token");
    expect(response.headers.get("Access-Control-Allow-Headers")).toContain("idempotency-key");
  });
});
