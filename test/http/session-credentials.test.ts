// What a session client shows of who watches: with each watch, and that it was permitted before.

import { afterEach, beforeEach, test, vi } from "vitest";
import type { Credentials } from "../../src/base/auth.ts";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import { PLATFORM } from "../../src/http/platform.ts";
import { SessionClient } from "../../src/http/session-client.ts";
import { FakeSocket, settle } from "./support/fake-session.ts";
import { watchOf } from "../support/requests.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const SPEC = watchOf(encodeUtf8("k"));

/** What each of two connections is shown of two watches; the second one is created on the other. */
async function shownBy(credentials: Credentials): Promise<unknown[][]> {
  const sockets = [new FakeSocket(), new FakeSocket()];
  const waiting = [...sockets];
  const client = new SessionClient({
    ...PLATFORM,
    credentials,
    connect: async () => waiting.shift()!,
    deliver: async () => {},
    onGivenUp: () => {},
  });
  client.watch(0, SPEC);
  await settle();
  sockets[0]!.createsAt = null;
  client.watch(1, SPEC);
  await settle();
  sockets[0]!.drop();
  await vi.advanceTimersByTimeAsync(200);
  client.close();
  return sockets.map((socket) =>
    socket.of("watch").map(({ watch, credentials: of, isResumed }) => [watch, of, isResumed]),
  );
}

test("a token is shown with each watch; one that was created is resumed unasked", async ({
  expect,
}) => {
  const token: Credentials = { kind: "token", token: "abcdefghijklmnop.7" };
  expect(await shownBy(token)).toEqual([
    [
      [0, token, false],
      [1, token, false],
    ],
    [
      [0, token, true],
      [1, token, false],
    ],
  ]);
});

test("nobody's watches are shown as they always were", async ({ expect }) => {
  const plain = [
    [0, undefined, undefined],
    [1, undefined, undefined],
  ];
  expect(await shownBy({ kind: "none" })).toEqual([plain, plain]);
});
