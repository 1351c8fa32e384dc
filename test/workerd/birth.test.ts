// Birth: an object becomes a replica by a certificate, once. What an emptied or a foreign object
// must never do is vote.

import { runInDurableObject } from "cloudflare:test";
import { describe, test } from "vitest";
import { asTerm } from "../../src/base/types.ts";
import { decodeMessages, encodeMessages } from "../../src/raft/message-codec.ts";
import type { Message } from "../../src/raft/types.ts";
import {
  ask,
  createCluster,
  genesis,
  get,
  leaderOf,
  put,
  REGIONS,
  replica,
  valueOf,
} from "./cluster.ts";

/** Takes everything from a replica's object, as a loss of its storage would. */
async function empty(cluster: string, region: string): Promise<void> {
  const stub = replica(cluster, region);
  await runInDurableObject(stub, async (_, state) => {
    await state.storage.deleteAll();
  });
  await stub.lab("abort").catch(() => {});
}

/** Sends one message to a replica as a peer would; returns the answers, or the refusal's status. */
async function sendTo(cluster: string, region: string, message: Message): Promise<unknown> {
  const body = encodeMessages([message]);
  const response = await replica(cluster, region).fetch("https://replica/peer", {
    method: "POST",
    body,
  });
  if (!response.ok) return response.status;
  return decodeMessages(new Uint8Array(await response.arrayBuffer()));
}

describe("a cluster's birth", () => {
  test("decides id and members once, whatever is asked later", async ({ expect }) => {
    const first = await genesis("once").create(["wnam", "enam", "weur"]);
    const second = await genesis("once").create(["apac", "oc"]);
    expect(second).toEqual(first);
    expect(await genesis("once").directory()).toEqual(first);
  });

  test("two creations at the same time decide one thing", async ({ expect }) => {
    const [a, b] = await Promise.all([
      genesis("race").create(["wnam"]),
      genesis("race").create(["enam"]),
    ]);
    expect(a).toEqual(b);
  });

  test("a cluster that nobody created has no directory, and asking creates none", async ({
    expect,
  }) => {
    expect(await genesis("nobody").directory()).toBeNull();
    expect(await genesis("nobody").directory()).toBeNull();
  });

  test("a member's id is the first 8 bytes of SHA-256 of its name", async ({ expect }) => {
    const { members } = await genesis("named").create(["wnam"]);
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode("named/wnam/1"));
    expect(members[0]!.id).toBe(new DataView(digest).getBigUint64(0));
  });

  test("a cluster of one region serves", async ({ expect }) => {
    await createCluster("single", ["weur"]);
    const stub = replica("single", "weur");
    const requestId = new Uint8Array(16).fill(1);
    const answer = await stub.serve({
      request: put("a", "1"),
      requestId,
      trace: "",
      timeoutMs: 5_000,
    });
    expect(answer).toMatchObject({ kind: "answered", header: { revision: 2 } });
  });
});

describe("an object without a certificate", () => {
  test("says so, and writes nothing", async ({ expect }) => {
    const stub = replica("unborn", "wnam");
    const requestId = new Uint8Array(16).fill(1);
    const answer = await stub.serve({ request: get("a"), requestId, trace: "", timeoutMs: 1_000 });
    expect(answer).toEqual({ kind: "unborn" });
    expect(await stub.status()).toBeNull();
    const tables = await runInDurableObject(stub, (_, { storage }) =>
      storage.sql
        .exec("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'")
        .toArray(),
    );
    expect(tables).toEqual([]);
  });

  test("a region that was added to the configuration later forms no second cluster", async ({
    expect,
  }) => {
    await createCluster("edited");
    await ask("edited", put("a", "1"));
    const edited = [...REGIONS, "apac", "oc"];
    await genesis("edited").create(edited);
    for (const region of ["apac", "oc"]) {
      await replica("edited", region).beBorn();
      expect(await replica("edited", region).status()).toBeNull();
    }
    expect(valueOf(await ask("edited", get("a")))).toBe("1");
  });
});

describe("a replica that lost its database", () => {
  test("does not vote, and the others go on without it", async ({ expect }) => {
    const { members } = await createCluster("emptied");
    await ask("emptied", put("a", "1"));
    const leader = await leaderOf("emptied");
    const lost = REGIONS.find((region) => region !== leader)!;
    await empty("emptied", lost);

    const idOf = (region: string): bigint => members.find((one) => one.region === region)!.id;
    const message = {
      kind: "vote",
      from: idOf(leader),
      to: idOf(lost),
      term: asTerm(1_000),
      lastIndex: 1_000,
      lastTerm: asTerm(999),
      urged: true,
    } as unknown as Message;
    expect(await sendTo("emptied", lost, message)).toBe(503);
    await replica("emptied", lost).beBorn();
    expect(await replica("emptied", lost).status()).toBeNull();
    expect(await sendTo("emptied", lost, message)).toBe(503);
    expect(valueOf(await ask("emptied", get("a")))).toBe("1");
  });

  test("that asks again with the nonce of its first life gets the same certificate", async ({
    expect,
  }) => {
    await createCluster("repeat");
    const nonce = await runInDurableObject(replica("repeat", "wnam"), (_, { storage }) => {
      const row = storage.sql.exec("SELECT birth_nonce FROM meta").one();
      return row["birth_nonce"] as string;
    });
    expect(await genesis("repeat").certify("repeat/wnam/1", nonce)).toMatchObject({
      kind: "certified",
    });
    expect(await genesis("repeat").certify("repeat/wnam/1", "another")).toEqual({
      kind: "replaced",
    });
    expect(await genesis("repeat").certify("repeat/apac/1", nonce)).toEqual({ kind: "stranger" });
  });
});
