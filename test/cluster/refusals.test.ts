// Whatever etcd refuses, a whole server refuses with the same status, code and text.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ETCD_REFUSALS, MEMBER, TOO_LARGE, TOO_MANY } from "../support/etcd-refusals.ts";
import { startServer, type Server } from "../support/server.ts";

let server: Server;
let member = "";

const post = (path: string, body: string): Promise<Response> =>
  fetch(`${server.url}/v3/${path}`, { method: "POST", body });

beforeAll(async () => {
  server = await startServer();
  const list = await (await post("cluster/member/list", "{}")).json();
  member = (list as { members: readonly { ID: string }[] }).members[0]!.ID;
});
afterAll(async () => {
  await server.stop();
});

const filledIn = (body: string): string =>
  body
    .replace(MEMBER, member)
    .replace(TOO_LARGE, "A".repeat(2_097_152))
    .replace(TOO_MANY, Array.from({ length: 129 }, () => '{"request_put":{"key":"YQ=="}}').join());

async function show(response: Response): Promise<string> {
  const { code, message } = (await response.json()) as { code?: number; message?: string };
  return code === undefined ? `${response.status}` : `${response.status} ${code} ${message}`;
}

describe("what etcd refuses", () => {
  test.for(ETCD_REFUSALS)("%s %s: %s", async ([path, body, answer]) => {
    expect(await show(await post(path, filledIn(body)))).toBe(answer);
  });
});
