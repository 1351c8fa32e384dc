// `Grpc-Timeout`, as a running etcd 3.5.16 takes it.

import { describe, expect, test } from "vitest";
import { appTo, errorOf, led } from "./support/app.ts";
import { FakeNetwork, hangs } from "./support/fake-network.ts";
import { timeoutOf } from "../../src/http/call-deadline.ts";

const ask = (network: FakeNetwork, timeout: string, path = "/v3/kv/range"): Promise<Response> =>
  appTo(network).send("POST", path, { body: "{}", headers: { "Grpc-Timeout": timeout } });

describe("Grpc-Timeout", () => {
  test.for([
    ["1n", 1e-6],
    ["5u", 5e-3],
    ["20m", 20],
    ["3S", 3_000],
    ["2M", 120_000],
    ["1H", 3_600_000],
    ["999999999H", 2_147_483_647],
    ["-1S", 0],
    ["0S", null],
    ["", null],
  ] as const)("%s is %s ms", ([text, ms]) => {
    const request = new Request("http://x/", { headers: { "Grpc-Timeout": text } });
    expect(timeoutOf(request)).toBe(ms);
  });

  test.for(["bad", "1", "1X", "S", "xS", "1 S", "1.5S"])("%s is refused", async (text) => {
    for (const path of ["/v3/kv/range", "/v3/watch"]) {
      const response = await ask(led(), text, path);
      expect(response.status).toBe(400);
      expect(await response.json()).toEqual(errorOf(3, `invalid grpc-timeout: ${text}`));
    }
  });

  test("a call that is in time is answered", async () => {
    expect((await ask(led(), "10S")).status).toBe(200);
  });

  test("one that is not is 504", async () => {
    const response = await ask(new FakeNetwork({ wnam: hangs }), "20m");
    expect(response.status).toBe(504);
    expect(await response.json()).toEqual(errorOf(4, "context deadline exceeded"));
  });

  test.for(["1n", "-1S"])("%s has passed before any replica is asked", async (text) => {
    const network = led();
    expect((await ask(network, text)).status).toBe(504);
    expect(network.log).toEqual([]);
  });

  test("a stream ends with the error", async () => {
    const response = await ask(new FakeNetwork({ wnam: hangs }), "20m", "/v3/watch");
    // The body asks for no watch, so that the stream ends first.
    expect(response.status).toBe(200);
    const network = new FakeNetwork({ wnam: hangs });
    const { send } = appTo(network);
    const body = '{"create_request":{"key":"aw=="}}';
    const late = await send("POST", "/v3/watch", { body, headers: { "Grpc-Timeout": "20m" } });
    expect(late.status).toBe(504);
    expect(await late.json()).toMatchObject({
      error: { code: 4, message: "context deadline exceeded" },
    });
  });
});
