// Locks on a running server: what docs/locks.md shows, typed along; and waiting through what befalls
// those who wait, those who hold, and the leader.

import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, test } from "vitest";
import { clusterStatus } from "../support/nemesis.ts";
import { startServer, type Server } from "../support/server.ts";
import { stepsOf, Tour } from "../support/tour.ts";

let server: Server;

beforeAll(async () => {
  server = await startServer();
});
afterAll(async () => {
  await server.stop();
});

describe("the guide to locks", () => {
  const steps = stepsOf("docs/locks.md");
  let tour: Tour;
  beforeAll(() => {
    tour = new Tour(server.url);
  });

  test("has its commands", ({ expect }) => {
    expect(steps.length).toBeGreaterThan(12);
  });

  for (const [number, step] of steps.entries()) {
    test(`${number + 1}: ${step.command.slice(0, 80)}`, async ({ expect }) => {
      const { printed, expected } = await tour.take(step);
      expect(printed).toMatch(expected);
    });
  }
});

const base64 = (text: string): string => Buffer.from(text).toString("base64");

async function post<T>(path: string, body: object): Promise<T> {
  const response = await fetch(server.url + path, { method: "POST", body: JSON.stringify(body) });
  return (await response.json()) as T;
}

const lock = (name: string, lease: number): Promise<{ key?: string; message?: string }> =>
  post("/v3/lock/lock", { name: base64(name), lease });

/** The keys of a queue, without its name. */
async function queue(name: string): Promise<string[]> {
  const range = { key: base64(`${name}/`), range_end: base64(`${name}0`) };
  const { kvs = [] } = await post<{ kvs?: { key: string }[] }>("/v3/kv/range", range);
  return kvs.map(({ key }) =>
    Buffer.from(key, "base64")
      .toString()
      .slice(name.length + 1),
  );
}

/** A client that asks for a lock, and can be killed. */
async function clientAsking(name: string, lease: number): Promise<{ kill(): void }> {
  const body = JSON.stringify({ name: base64(name), lease });
  const socket = connect(server.port, "127.0.0.1");
  await once(socket, "connect");
  const head = `POST /v3/lock/lock HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\n`;
  socket.write(`${head}Content-Length: ${body.length}\r\n\r\n${body}`);
  return { kill: () => void socket.resetAndDestroy() };
}

describe("a lock", () => {
  test("passes over a waiter that was killed, outlives the leader, and goes on when a lease ends", async ({
    expect,
  }) => {
    for (const ID of [801, 802, 803]) await post("/v3/lease/grant", { ID, TTL: 600 });
    await lock("held", 801);
    const killed = await clientAsking("held", 802);
    await expect.poll(() => queue("held")).toEqual(["321", "322"]);
    const waiting = lock("held", 803);
    await expect.poll(() => queue("held")).toEqual(["321", "322", "323"]);

    killed.kill();
    await expect.poll(() => queue("held"), { timeout: 5_000 }).toEqual(["321", "323"]);

    const leader = (await clusterStatus(server.url)).find(({ role }) => role === "leader")!;
    const headers = { "X-Edgekeeper-Lab": "1" };
    await fetch(`${server.url}/_lab/replicas/${leader.region}/abort`, { method: "POST", headers });
    await expect.poll(() => queue("held"), { timeout: 10_000 }).toEqual(["321", "323"]);

    const early = await Promise.race([waiting, queue("held").then(() => "still waiting")]);
    expect(early).toBe("still waiting");
    await post("/v3/lease/revoke", { ID: 801 });
    expect(await waiting).toMatchObject({ key: base64("held/323") });
    expect(await queue("held")).toEqual(["323"]);
  });

  test("is handed over when the lease of a silent holder ends by itself", async ({ expect }) => {
    await post("/v3/lease/grant", { ID: 811, TTL: 2 });
    await post("/v3/lease/grant", { ID: 812, TTL: 600 });
    await lock("short", 811);
    expect(await lock("short", 812)).toMatchObject({ key: base64("short/32c") });
  });
});
