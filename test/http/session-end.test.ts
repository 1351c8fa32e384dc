// When a session client gives up, when it waits, and what it says of it.

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { asClusterId } from "../../src/base/types.ts";
import { GATEWAY_ERRORS } from "../../src/api/error.ts";
import { CLOSE_PROTOCOL } from "../../src/api/session.ts";
import { RequestError } from "../../src/http/response.ts";
import { headerOf } from "./support/fake-network.ts";
import { FakeSocket, settle } from "./support/fake-session.ts";
import { reconnect, SPEC, start } from "./support/session-client.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("giving up", () => {
  test("the first connection's failure is the client's to know", async () => {
    const error = new RequestError(GATEWAY_ERRORS.noLeader);
    const { client, givenUp } = start([error]);
    await expect(client.welcomed).rejects.toBe(error);
    expect(givenUp).toEqual([error]);
  });

  test("a socket that does not open is tried again, a few times", async () => {
    const broken = new Error("Network connection lost.");
    const { client, heard } = start([broken, broken, new FakeSocket()]);
    client.watch(0, SPEC);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(heard).toEqual(["created 0@7"]);
    client.close();
    const hopeless = start([broken, broken, broken, broken, broken, broken]);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(hopeless.givenUp).toEqual([broken]);
    expect(hopeless.connections()).toBe(5);
  });

  test("after a welcome it goes on trying for as long as the client stays", async () => {
    const lost = new RequestError(GATEWAY_ERRORS.noLeader);
    const sockets = [new FakeSocket(), ...Array.from({ length: 30 }, () => lost), new FakeSocket()];
    const { client, givenUp, connections } = start(sockets);
    await settle();
    (sockets[0] as FakeSocket).drop();
    await vi.advanceTimersByTimeAsync(100_000);
    expect(connections()).toBe(32);
    expect(givenUp).toEqual([]);
    client.close();
  });

  test("when the cluster was deleted it tries no more", async () => {
    const socket = new FakeSocket();
    const gone = new RequestError(GATEWAY_ERRORS.unknownCluster);
    const { givenUp, connections } = start([socket, gone]);
    await settle();
    socket.drop();
    await reconnect();
    expect([givenUp, connections()]).toEqual([[gone], 2]);
  });

  test("in another cluster of the name it does not go on: its revisions are other ones", async () => {
    const [socket, other] = [new FakeSocket(), new FakeSocket()];
    other.welcomes = false;
    const { client, givenUp } = start([socket, other]);
    client.watch(0, SPEC);
    await settle();
    socket.drop();
    await reconnect();
    const header = { ...headerOf("wnam", 2), clusterId: asClusterId(10n) };
    other.sendFrames([{ kind: "welcome", version: 1, ...header }]);
    await settle();
    expect(givenUp).toEqual([new RequestError(GATEWAY_ERRORS.otherCluster)]);
    expect([other.isClosed, other.of("watch")]).toEqual([true, []]);
  });

  test("a replica that says we broke the protocol is not asked again", async () => {
    const socket = new FakeSocket();
    const { client, givenUp, connections } = start([socket, new FakeSocket()]);
    client.watch(0, SPEC);
    await settle();
    socket.drop(CLOSE_PROTOCOL);
    await reconnect();
    expect(givenUp).toHaveLength(1);
    expect(connections()).toBe(1);
    expect(client.header).not.toBeNull();
  });

  test("a cancellation of what is no watch says nothing", async () => {
    const socket = new FakeSocket();
    const { client } = start([socket]);
    await settle();
    client.cancel(9);
    expect(socket.of("cancel")).toEqual([]);
    client.close();
  });
});

describe("a leader that is lost", () => {
  const noLeader = new RequestError(GATEWAY_ERRORS.readTimeout);

  test("is waited for in silence", async () => {
    const first = new FakeSocket();
    const { client, givenUp, connections } = start([first, noLeader, new FakeSocket()]);
    await settle();
    first.drop();
    await vi.advanceTimersByTimeAsync(400);
    expect(connections()).toBe(3);
    expect(givenUp).toEqual([]);
    client.close();
  });

  test("ends the session of a client that requires one", async () => {
    const first = new FakeSocket();
    const { givenUp } = start([first, noLeader], undefined, { needsLeader: true });
    await settle();
    first.drop();
    await reconnect();
    expect(givenUp).toEqual([noLeader]);
  });
});
