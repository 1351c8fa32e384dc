// Backup and restore over HTTP, against real objects: a file holds everything that was acknowledged,
// another cluster is made of it, and a file that is not whole makes none. One after another: they are
// heavy, and a request that waits for its turn of the machine for seven seconds is given up.

import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { describe, test } from "vitest";
import type { Founder } from "../../src/api/replica.ts";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import { asLeaseId, asLogIndex, asTerm, type Bytes } from "../../src/base/types.ts";
import { pause } from "../../src/object/pause.ts";
import worker from "../../src/worker.ts";
import {
  ask,
  createCluster,
  genesis,
  leaderOf,
  put,
  REGIONS,
  replica,
  valueOf,
  get,
} from "./cluster.ts";

const ORIGIN = "http://127.0.0.1:8787";
const DIGEST_BYTES = 32;

const call = async (method: string, path: string, body?: BodyInit): Promise<Response> =>
  worker.fetch(new Request(`${ORIGIN}${path}`, body === undefined ? { method } : { method, body }));

async function download(cluster: string): Promise<Bytes> {
  const response = await call("GET", `/v1/clusters/${cluster}/snapshot`);
  if (response.status !== 200) throw new Error(await response.text());
  return new Uint8Array(await response.arrayBuffer());
}

async function restore(name: string, file: BodyInit, query = "regions=weur"): Promise<Answer> {
  const response = await call("POST", `/v1/clusters/${name}/restore?${query}`, file);
  return { status: response.status, text: await response.text() };
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

const textOf = async (path: string): Promise<string> => (await call("GET", path)).text();

const sha256 = async (bytes: Bytes): Promise<Bytes> =>
  new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));

/** Chunks in sizes that fit nothing. */
function inOddChunks(file: Bytes): ReadableStream<Bytes> {
  let offset = 0;
  return new ReadableStream({
    pull(controller) {
      if (offset >= file.length) return controller.close();
      controller.enqueue(file.slice(offset, (offset += 7_777)));
    },
  });
}

describe("a snapshot of a cluster", () => {
  test(
    "becomes another cluster, with its keys, leases and a leap of revisions",
    {
      timeout: 90_000,
    },
    async ({ expect }) => {
      const { clusterId } = await createCluster("source");
      await ask("source", put("a", "1"));
      await ask("source", put("a", "2"));
      const id = asLeaseId(5n);
      await ask("source", { kind: "leaseGrant", id, ttlSeconds: 600 });
      await ask("source", put("leased", "yes", id));
      const file = await download("source");
      await ask("source", put("a", "later"));

      const answer = await restore(
        "copy",
        inOddChunks(file),
        "bump_revisions=1000&regions=weur,enam,wnam",
      );
      expect(answer.status).toBe(201);
      const made = JSON.parse(answer.text) as { cluster_id: string; members: object[] };
      expect(made).toMatchObject({ name: "copy", revision: 1_004 });
      expect(made.cluster_id).not.toBe(String(clusterId));
      expect(made.members).toHaveLength(3);
      expect(await textOf("/c/copy/v1/kv/a")).toBe("2");
      const body = JSON.stringify({ key: "YQ==", revision: 3 });
      expect(await (await call("POST", "/c/copy/v3/kv/range", body)).text()).toContain("compacted");
      const lease = await call("POST", "/c/copy/v3/lease/timetolive", '{"ID":"5","keys":true}');
      expect(await lease.json()).toMatchObject({ grantedTTL: "600", keys: ["bGVhc2Vk"] });
      const written = await call("PUT", "/c/copy/v1/kv/a", "3");
      expect(await written.json()).toEqual({ revision: 1_005 });
      expect(valueOf(await ask("source", get("a")))).toBe("later");
    },
  );

  test("keeps its revisions when it is told to", async ({ expect }) => {
    await createCluster("kept");
    for (const value of ["1", "2", "3"]) await ask("kept", put("a", value));
    const file = await download("kept");
    const { status, text } = await restore("kept-copy", file, "bump_revisions=0&regions=weur");
    expect([status, JSON.parse(text)]).toMatchObject([201, { revision: 4 }]);
    const body = JSON.stringify({ key: "YQ==", revision: 3 });
    const range = await call("POST", "/c/kept-copy/v3/kv/range", body);
    expect([range.status, await range.json()]).toMatchObject([
      200,
      { kvs: [{ value: "Mg==", mod_revision: "3" }] },
    ]);
  });

  test("has the framing of etcd's stream, and the same bytes", async ({ expect }) => {
    await createCluster("framed");
    for (let n = 0; n < 15; n++) await ask("framed", put(`key/${n}`, "x".repeat(50_000)));
    const bytesOf = ({ blob }: Record<string, string>): Bytes =>
      Uint8Array.from(atob(blob!), (character) => character.charCodeAt(0));
    const stream = async () => {
      const response = await call("POST", "/c/framed/v3/maintenance/snapshot", "{}");
      expect(response.headers.get("Content-Type")).toBe("application/json");
      const lines = (await response.text()).trimEnd().split("\n");
      return lines.map((line) => (JSON.parse(line) as { result: Record<string, string> }).result);
    };
    let results = await stream();
    let file = await download("framed");
    // The cluster itself may apply an entry in between; the head would name it.
    const headOf = (bytes: Bytes): string => String(bytes.slice(0, 60));
    const isOther = (): boolean => headOf(bytesOf(results[0]!)) !== headOf(file);
    for (let again = 0; again < 5 && isOther(); again++) {
      results = await stream();
      file = await download("framed");
    }
    const blobs = results.map(bytesOf);
    const isLeft = (result: Record<string, string>): boolean =>
      Number(result["remaining_bytes"]) > 0;
    expect(results.slice(0, -1).every(isLeft)).toBe(true);
    expect(Object.keys(results.at(-1)!)).toEqual(["blob", "version"]);
    expect(new Set(blobs.slice(0, -2).map(({ length }) => length))).toEqual(new Set([32_768]));
    const content = new Uint8Array(await new Blob(blobs.slice(0, -1)).arrayBuffer());
    expect(content.length % 512).toBe(0);
    expect(blobs.at(-1)).toEqual(await sha256(content));
    const [whole, digest] = [file.slice(0, -DIGEST_BYTES), file.slice(-DIGEST_BYTES)];
    expect(await sha256(whole)).toEqual(digest);
    // By the digest: to compare millions of bytes one by one stops all that runs beside.
    expect(blobs.at(-1)).toEqual(digest);
    expect(whole.length).toBeGreaterThan(15 * 50_000);
  }, 60_000);

  test("is of one moment, though writes go on", async ({ expect }) => {
    await createCluster("moving");
    for (let n = 0; n < 40; n++) await ask("moving", put(`key/${n}`, "0".repeat(50_000)));
    const response = await call("GET", "/v1/clusters/moving/snapshot");
    const reader = response.body!.getReader();
    const chunks = [(await reader.read()).value!];
    for (let n = 0; n < 40; n++) await ask("moving", put(`key/${n}`, "1"));
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      chunks.push(next.value);
    }
    const { status } = await restore("moved", await new Blob(chunks).arrayBuffer());
    expect(status).toBe(201);
    for (const n of [0, 20, 39]) expect(await textOf(`/c/moved/v1/kv/key/${n}`)).toMatch(/^0+$/);
  });

  test("ends with an error when its replica has lost it", async ({ expect }) => {
    await createCluster("lost");
    for (let n = 0; n < 40; n++) await ask("lost", put(`key/${n}`, "x".repeat(50_000)));
    const stream = await call("POST", "/c/lost/v3/maintenance/snapshot", "{}");
    const reader = stream.body!.getReader();
    await reader.read();
    await replica("lost", await leaderOf("lost"))
      .lab("abort")
      .catch(() => {});
    let text = "";
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      text += new TextDecoder().decode(next.value);
    }
    const last = text.trimEnd().split("\n").at(-1)!;
    expect(JSON.parse(last)).toMatchObject({ error: { code: 14, http_code: 503 } });
  });

  test("is refused to more clients at once than a replica can hold pins for", async ({
    expect,
  }) => {
    await createCluster("crowded");
    const open = [
      await ask("crowded", { kind: "snapshot" }),
      await ask("crowded", { kind: "snapshot" }),
    ];
    expect(open).toMatchObject([{ kind: "answered" }, { kind: "answered" }]);
    expect((await call("GET", "/v1/clusters/crowded/snapshot")).status).toBe(429);
    const [first] = open;
    if (first?.kind !== "answered" || first.answer.kind !== "snapshot") throw new Error();
    const { name, place } = first.answer.answer;
    await replica("crowded", place.region).snapshotEnd(name);
    expect((await call("GET", "/v1/clusters/crowded/snapshot")).status).toBe(200);
  });

  test(
    "is root's alone once auth is on, and takes users along",
    {
      timeout: 60_000,
    },
    async ({ expect }) => {
      await createCluster("guarded");
      // Users are of the third version, to which the leader raises a new cluster.
      const version = async () => (await replica("guarded", "wnam").status())?.clusterVersion ?? 0;
      while ((await version()) < 3) await pause(20);
      const auth = async (path: string, body: object): Promise<Response> =>
        call("POST", `/c/guarded/v3/auth/${path}`, JSON.stringify(body));
      await auth("user/add", { name: "root", password: "secret" });
      await auth("role/add", { name: "root" });
      await auth("user/grant", { user: "root", role: "root" });
      expect((await auth("enable", {})).status).toBe(200);
      for (const [method, path] of [
        ["GET", "/v1/clusters/guarded/snapshot"],
        ["POST", "/c/guarded/v3/maintenance/snapshot"],
      ] as const) {
        const refused = await call(method, path, method === "POST" ? "{}" : undefined);
        expect(await refused.json()).toMatchObject({ message: "etcdserver: user name is empty" });
      }
      const answer = await auth("authenticate", { name: "root", password: "secret" });
      const { token } = (await answer.json()) as { token: string };
      const headers = { Authorization: token };
      const url = `${ORIGIN}/v1/clusters/guarded/snapshot`;
      const file = await (await worker.fetch(new Request(url, { headers }))).arrayBuffer();
      expect((await restore("guarded-copy", file)).status).toBe(201);
      const read = await call("GET", "/c/guarded-copy/v1/kv/a");
      expect(await read.json()).toMatchObject({ message: "etcdserver: user name is empty" });
    },
  );

  test("is none of a cluster that does not exist", async ({ expect }) => {
    expect((await call("GET", "/v1/clusters/nowhere/snapshot")).status).toBe(404);
    expect((await call("POST", "/c/nowhere/v3/maintenance/snapshot", "{}")).status).toBe(404);
    expect((await call("GET", "/v3/maintenance/snapshot")).status).toBe(501);
    expect((await call("POST", "/v3/maintenance/snapshot", '{"x":1')).status).toBe(400);
  });
});

describe("a file that is not whole", () => {
  const isNothing = async (name: string): Promise<boolean> => {
    const tables = await runInDurableObject(replica(name, "weur", 2), (_, { storage }) =>
      storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'meta'").toArray(),
    );
    return tables.length === 0 && (await genesis(name).directory()) === null;
  };

  test("makes no cluster, wherever it is damaged or cut", async ({ expect }) => {
    await createCluster("whole");
    for (let n = 0; n < 15; n++) await ask("whole", put(`key/${n}`, "x".repeat(50_000)));
    const file = await download("whole");
    const flipped = (at: number): Bytes => {
      const copy = file.slice();
      copy[at < 0 ? copy.length + at : at]! ^= 1;
      return copy;
    };
    const files: Record<string, Bytes> = {
      empty: new Uint8Array(0),
      other: encodeUtf8("not a snapshot, but long enough to be taken for one at first"),
      magic: flipped(0),
      head: flipped(30),
      length: flipped(50),
      part: flipped(600_000),
      zeros: flipped(-DIGEST_BYTES - 1),
      digest: flipped(-1),
      "no-digest": file.slice(0, -DIGEST_BYTES),
      "no-end": file.slice(0, -1),
      half: file.slice(0, file.length / 2),
      more: new Uint8Array([...file, 0]),
    };
    for (const [how, damaged] of Object.entries(files)) {
      const { status, text } = await restore(`torn-${how}`, damaged);
      expect([how, status, text]).toEqual([how, 400, expect.stringContaining("edgekeeper: ")]);
      expect([how, await isNothing(`torn-${how}`)]).toEqual([how, true]);
    }
    // What was tried does not stand in the way.
    expect((await restore("torn-half", file)).status).toBe(201);
    await createCluster("torn-part", ["weur"]);
    expect((await restore("torn-part", file)).status).toBe(409);
  });

  test("an upload that breaks off leaves nothing behind", async ({ expect }) => {
    const founder = (await genesis("broken").reserveFounder("weur", null))!;
    await createCluster("whole-2");
    const part = await firstPart("whole-2");
    expect(await fill("broken", founder, part)).toMatchObject({ ok: true });
    expect(await runDurableObjectAlarm(replica("broken", "weur", 2))).toBe(true);
    expect(await isNothing("broken")).toBe(true);
    // It is too late to go on.
    const order = { founder, index: asLogIndex(1), term: asTerm(1), bumpRevisions: 0 };
    expect(await genesis("broken").found(order)).toMatchObject({ reason: "notCopied" });
    expect(await genesis("broken").directory()).toBeNull();
  });

  test("a cluster that was created meanwhile is the one that stays", async ({ expect }) => {
    const founder = (await genesis("raced").reserveFounder("weur", null))!;
    await createCluster("whole-3");
    const opened = await ask("whole-3", { kind: "snapshot" });
    if (opened.kind !== "answered" || opened.answer.kind !== "snapshot") throw new Error();
    const { head } = opened.answer.answer;
    expect(await fill("raced", founder, await firstPart("whole-3"))).toMatchObject({ ok: true });
    const directory = await createCluster("raced");
    const order = { founder, index: head.index, term: head.term, bumpRevisions: 0 };
    expect(await genesis("raced").found(order)).toMatchObject({ reason: "exists" });
    expect(await genesis("raced").directory()).toEqual(directory);
    expect(valueOf(await ask("raced", get("a")))).toBeNull();
  });

  const fill = (cluster: string, founder: Founder, data: Bytes) =>
    replica(cluster, founder.member.region, founder.member.generation).uploadPart(
      founder.nonce,
      0,
      data,
    );

  async function firstPart(cluster: string): Promise<Bytes> {
    const opened = await ask(cluster, { kind: "snapshot" });
    if (opened.kind !== "answered" || opened.answer.kind !== "snapshot") throw new Error();
    const { name, place } = opened.answer.answer;
    return (await replica(cluster, place.region).snapshotPart(name, new Uint8Array(0)))!.data;
  }
});

describe("the parameters of a restoration", () => {
  const BAD = [
    "bump_revisions=-1",
    "bump_revisions=x",
    "regions=mars",
    "regions=weur,weur",
    "bump=1",
  ];

  test.each(BAD)("%s is refused", async (query) => {
    const { status } = await restore("badly-asked", new Uint8Array(1), query);
    if (status !== 400) throw new Error(`${status}`);
  });

  test("are the configured regions and a leap of a thousand million", async ({ expect }) => {
    await createCluster("plain");
    const { status, text } = await restore("plain-copy", await download("plain"), "");
    expect(status).toBe(201);
    const made = JSON.parse(text) as { members: { region: string }[]; revision: number };
    expect(made.members.map(({ region }) => region).toSorted()).toEqual([...REGIONS].toSorted());
    expect(made.revision).toBe(1_000_000_001);
  });
});
