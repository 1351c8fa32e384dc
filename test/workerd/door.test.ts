// The sockets of clients as a replica's object keeps them: requests on real sockets, and what is left
// of who a client is after a sleep.

import { evictDurableObject } from "cloudflare:test";
import { beforeAll, describe, test } from "vitest";
import { decodeSessionAnswer } from "../../src/api/session-answer-codec.ts";
import type { SessionRequest } from "../../src/api/session-call.ts";
import {
  DOOR_PATH,
  IDENTITY_HEADER,
  printIdentity,
  type SessionIdentity,
} from "../../src/api/session-identity.ts";
import { CLOSE_RESUME, type ReceiverFrame } from "../../src/api/session.ts";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import * as requests from "../support/requests.ts";
import { ask, createCluster, leaderOf, put, replica } from "./cluster.ts";
import { Receiver, watch } from "./receiver.ts";

const CLUSTER = "doors";
const NOBODY: SessionIdentity = { credentials: { kind: "none" }, expiresAt: null };
const HOLDER: SessionIdentity = {
  credentials: { kind: "token", token: "secretletters.7" },
  expiresAt: null,
};

async function enter(region: string, identity: SessionIdentity): Promise<Receiver> {
  const response = await replica(CLUSTER, region).fetch(`https://replica${DOOR_PATH}`, {
    headers: { Upgrade: "websocket", [IDENTITY_HEADER]: printIdentity(identity) },
  });
  if (response.webSocket === null) throw new Error(`no session: ${response.status}`);
  return new Receiver(response.webSocket);
}

function asked(number: number, request: SessionRequest): ReceiverFrame {
  const requestId = crypto.getRandomValues(new Uint8Array(16));
  const call = { request, requestId, trace: "", timeoutMs: 5_000 };
  return { kind: "request", request: number, call, bytes: 0 };
}

const putOf = (key: string): SessionRequest => requests.put(encodeUtf8(key), encodeUtf8("v"));

const outcomes = (receiver: Receiver): string[] =>
  receiver.frames.flatMap((frame) =>
    frame.kind === "answer" ? [`${frame.request} ${decodeSessionAnswer(frame.body).kind}`] : [],
  );

describe("a client's socket", () => {
  beforeAll(async () => {
    await createCluster(CLUSTER);
  });

  test("carries requests, several to a message", async ({ expect }) => {
    const receiver = await enter(await leaderOf(CLUSTER), NOBODY);
    receiver.send({ kind: "hello", version: 2 }, asked(1, putOf("a")), asked(2, putOf("b")));
    await receiver.until(() => receiver.frames.length >= 3);
    expect(outcomes(receiver).toSorted()).toEqual(["1 answered", "2 answered"]);
    receiver.close();
  });

  test("is still its client's after a sleep, when that is known by no token", async ({
    expect,
  }) => {
    const leader = await leaderOf(CLUSTER);
    const receiver = await enter(leader, NOBODY);
    receiver.send({ kind: "hello", version: 2 }, asked(1, putOf("a")));
    await receiver.until(() => outcomes(receiver).length === 1);
    await evictDurableObject(replica(CLUSTER, leader), { webSockets: "hibernate" });
    receiver.send(asked(2, { kind: "status" }));
    await receiver.until(() => outcomes(receiver).length === 2);
    expect(outcomes(receiver)).toEqual(["1 answered", "2 answered"]);
    receiver.close();
  });

  test("by a token keeps its watches through a sleep, and has to be shown the token for more", async ({
    expect,
  }) => {
    const leader = await leaderOf(CLUSTER);
    const receiver = await enter(leader, HOLDER);
    receiver.send({ kind: "hello", version: 2 }, watch(0, "w"));
    await receiver.until(() => receiver.frames.length >= 2);
    receiver.send({ kind: "ack", sequence: 1 });
    await evictDurableObject(replica(CLUSTER, leader), { webSockets: "hibernate" });
    await ask(CLUSTER, put("w", "after"));
    await receiver.until(() => receiver.events.length > 0);
    expect(receiver.events).toEqual(["after"]);
    receiver.send(asked(1, putOf("a")));
    expect(await receiver.closed.promise).toBe(CLOSE_RESUME);
    expect(outcomes(receiver)).toEqual([]);
  });
});
