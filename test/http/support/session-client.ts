// Owns a session client for tests: what it hears, and how often it connects.

import { vi } from "vitest";
import { decodeUtf8, encodeUtf8 } from "../../../src/base/bytes.ts";
import type { WatchDelivery, WatchSpec } from "../../../src/base/watch.ts";
import { PLATFORM } from "../../../src/http/platform.ts";
import { SessionClient } from "../../../src/http/session-client.ts";
import type { FakeSocket } from "./fake-session.ts";

export const SPEC: WatchSpec = {
  key: encodeUtf8("k"),
  rangeEnd: encodeUtf8(""),
  startRevision: 0,
  prevKv: false,
  progressNotify: false,
  noPut: false,
  noDelete: false,
};

/** A client with a list of sockets, one for each time it connects. */
export function start(
  sockets: readonly (FakeSocket | Error)[],
  deliver?: (delivery: WatchDelivery) => Promise<void>,
  options: { readonly needsLeader?: boolean } = {},
) {
  const heard: string[] = [];
  const givenUp: unknown[] = [];
  let connections = 0;
  const client = new SessionClient({
    ...PLATFORM,
    ...options,
    connect: async () => {
      const socket = sockets[connections++];
      if (socket === undefined) return Promise.withResolvers<never>().promise;
      if (socket instanceof Error) throw socket;
      return socket;
    },
    deliver: async (delivery) => {
      heard.push(describeDelivery(delivery));
      await deliver?.(delivery);
    },
    onGivenUp: (error) => givenUp.push(error),
  });
  return { client, heard, givenUp, connections: () => connections };
}

function describeDelivery(delivery: WatchDelivery): string {
  if (delivery.kind !== "events") return `${delivery.kind} ${delivery.watch}@${delivery.revision}`;
  const list = delivery.events.map(({ kv }) => `${decodeUtf8(kv.key)}@${kv.modRevision}`);
  return `${delivery.partial ? "part" : "events"} ${delivery.watch}: ${list.join(" ")}`;
}

/** Long enough for any back-off between two connections. */
export const reconnect = (): Promise<unknown> => vi.advanceTimersByTimeAsync(200);
