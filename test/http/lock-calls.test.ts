// What a client of the lock and election services sees, and what it may say about its patience. The
// answers, but for `create_revision` of a lock, are those of a running etcd 3.5.16.

import { describe, expect, test } from "vitest";
import { encodeUtf8 } from "../../src/base/bytes.ts";
import { asLeaseId } from "../../src/base/types.ts";
import { WaitingRoom } from "../../src/http/recipes/waiting-room.ts";
import { appTo, errorOf, led } from "./support/app.ts";
import { FakeNetwork, follows, type Behaviour } from "./support/fake-network.ts";
import { events, FakeSocket, settle } from "./support/fake-session.ts";
import { RecipeWorld } from "./support/recipe-world.ts";

const base64 = (text: string): string => Buffer.from(text).toString("base64");

/** An app over a world in which leases 100 and 200 run. */
function open() {
  const world = new RecipeWorld();
  for (const id of [100n, 200n]) world.grant(asLeaseId(id));
  const serves: Behaviour = ({ request }) => {
    const result = world.perform(request);
    const header = world.header();
    return result.ok
      ? { kind: "answered", header, answer: result.value }
      : { kind: "refused", header, refusal: result.error };
  };
  const network = new FakeNetwork({ wnam: serves });
  const sockets: FakeSocket[] = [];
  network.openSocket = async () => {
    sockets.push(new FakeSocket());
    return sockets.at(-1)!;
  };
  return { world, sockets, ...appTo(network) };
}

/** `path body -> status answer`; the header is shown as its revision alone. */
const TRANSCRIPT = [
  [
    'lock/lock {"name":"bg==","lease":100}',
    '200 {"header":2,"key":"bi82NA==","create_revision":"2"}',
  ],
  [
    'lock/lock {"name":"bg==","lease":100}',
    '200 {"header":2,"key":"bi82NA==","create_revision":"2"}',
  ],
  ['lock/lock {"name":"bg==","lease":999}', "500 2 etcdserver: requested lease not found"],
  ['lock/lock {"name":"bmVn","lease":"-5"}', "500 2 etcdserver: requested lease not found"],
  ["lock/unlock {}", "500 2 etcdserver: key is not provided"],
  ['lock/unlock {"key":"eno="}', '200 {"header":2}'],
  ['lock/unlock {"key":"bi82NA=="}', '200 {"header":3}'],
  ['lock/lock {"name":5}', "400 3 proto: (line 1:9): invalid value for bytes field name: 5"],
  ["lock/lock {bad", "400 3 invalid character 'b' looking for beginning of object key string"],
  [
    'election/campaign {"name":"ZQ==","lease":100,"value":"djE="}',
    '200 {"header":4,"leader":{"name":"ZQ==","key":"ZS82NA==","rev":"4","lease":"100"}}',
  ],
  [
    'election/campaign {"name":"ZQ==","lease":100,"value":"djI="}',
    '200 {"header":4,"leader":{"name":"ZQ==","key":"ZS82NA==","rev":"4","lease":"100"}}',
  ],
  [
    'election/leader {"name":"ZQ=="}',
    '200 {"header":5,"kv":{"key":"ZS82NA==","create_revision":"4","mod_revision":"5","version":"2","value":"djI=","lease":"100"}}',
  ],
  ['election/leader {"name":"bm9uZQ=="}', "500 2 election: no leader"],
  ['election/campaign {"name":"ZQ==","lease":999}', "500 2 etcdserver: requested lease not found"],
  ["election/proclaim {}", '500 2 "leader" field must be provided'],
  ["election/resign {}", '500 2 "leader" field must be provided'],
  ['election/proclaim {"leader":{}}', "500 2 etcdserver: key is not provided"],
  ['election/resign {"leader":{}}', "500 2 etcdserver: key is not provided"],
  [
    'election/proclaim {"leader":{"key":"ZS82NA==","rev":"1","lease":100},"value":"eA=="}',
    "500 2 election: not leader",
  ],
  ['election/resign {"leader":{"key":"ZS82NA==","rev":"1"}}', '200 {"header":5}'],
  [
    'election/proclaim {"leader":{"key":"ZS82NA==","rev":"4","lease":100},"value":"eA=="}',
    '200 {"header":6}',
  ],
  ['election/resign {"leader":{"key":"ZS82NA==","rev":"4"}}', '200 {"header":7}'],
  [
    'election/proclaim {"leader":{"rev":"x"}}',
    '400 3 proto: (line 1:18): invalid value for int64 field rev: "x"',
  ],
  [
    "election/observe {bad",
    "400 3 invalid character 'b' looking for beginning of object key string",
  ],
] as const;

async function show(response: Response): Promise<string> {
  const { header, ...body } = (await response.json()) as Record<string, never>;
  const { code, message } = body as { code?: number; message?: string };
  if (code !== undefined) return `${response.status} ${code} ${message}`;
  const { revision } = header as unknown as { revision: string };
  return `${response.status} ${JSON.stringify({ header: Number(revision), ...body })}`;
}

describe("the calls", () => {
  test("answer as etcd does, one after another", async () => {
    const { post } = open();
    for (const [request, answer] of TRANSCRIPT) {
      const [path, ...body] = request.split(" ");
      expect(`${request} -> ${await show(await post(`/v3/${path}`, body.join(" ")))}`).toBe(
        `${request} -> ${answer}`,
      );
    }
  });

  test("are posted, and nothing else", async () => {
    const { send } = open();
    const response = await send("GET", "/v3/lock/lock");
    expect(response.status).toBe(501);
    expect(await response.json()).toEqual(errorOf(12, "Method Not Allowed"));
  });

  test("of more than may wait at once are refused, and take no place", async () => {
    const room = new WaitingRoom(1);
    const leave = room.enter();
    expect(() => room.enter()).toThrow("etcdserver: too many requests");
    leave();
    leave();
    room.enter();
    expect(() => room.enter()).toThrow("etcdserver: too many requests");
  });
});

describe("a lock that waits", () => {
  const body = (lease: number): string => JSON.stringify({ name: base64("w"), lease });

  test("watches the key before its own, and has the lock when that is gone", async () => {
    const { post, sockets, world } = open();
    await post("/v3/lock/lock", body(100));
    const waiting = post("/v3/lock/lock", body(200));
    await expect.poll(() => sockets[0]?.of("watch").length).toBe(1);
    const { spec, watch } = sockets[0]!.of("watch")[0]!;
    expect([spec.key, spec.startRevision, spec.noPut]).toEqual([encodeUtf8("w/64"), 4, true]);
    await post("/v3/lock/unlock", JSON.stringify({ key: base64("w/64") }));
    const gone = events(watch, ["w/64@4"]);
    sockets[0]!.deliver({ ...gone, events: [{ ...eventOf(gone), kind: "delete" }] } as typeof gone);
    expect(await show(await waiting)).toBe(
      '200 {"header":4,"key":"dy9jOA==","create_revision":"3"}',
    );
    expect(world.kv.range("w/", "w0")).toEqual(["w/c8= c3 m3 v1 l200"]);
    expect(sockets[0]!.isClosed).toBe(true);
  });

  test("goes on waiting when its session is lost, and reads again after a compaction", async () => {
    const { post, sockets, world } = open();
    await post("/v3/lock/lock", body(100));
    const waiting = post("/v3/lock/lock", body(200));
    await expect.poll(() => sockets[0]?.of("watch").length).toBe(1);
    sockets[0]!.drop();
    await expect.poll(() => sockets[1]?.of("watch").length, { timeout: 3_000 }).toBe(1);
    expect(sockets[1]!.of("watch")[0]!.spec.startRevision).toBe(4);
    world.expire(asLeaseId(100n));
    const compactRevision = world.header().revision;
    const cause = { kind: "compacted", compactRevision } as const;
    sockets[1]!.deliver({ kind: "canceled", watch: 0, revision: compactRevision, cause });
    expect((await waiting).status).toBe(200);
  });

  test("leaves the queue when its time is over", async () => {
    const { send, post, world } = open();
    await post("/v3/lock/lock", body(100));
    const headers = { "Grpc-Timeout": "80m" };
    const response = await send("POST", "/v3/lock/lock", { body: body(200), headers });
    expect(await show(response)).toBe("504 4 context deadline exceeded");
    await expect.poll(() => world.kv.range("w/", "w0")).toEqual(["w/64= c2 m2 v1 l100"]);
  });

  test("leaves the queue when its client is gone", async () => {
    const { send, post, sockets, world } = open();
    await post("/v3/lock/lock", body(100));
    const client = new AbortController();
    const waiting = send("POST", "/v3/lock/lock", { body: body(200), signal: client.signal });
    await expect.poll(() => sockets[0]?.of("watch").length).toBe(1);
    client.abort();
    await waiting.catch(() => undefined);
    await expect.poll(() => world.kv.range("w/", "w0")).toEqual(["w/64= c2 m2 v1 l100"]);
    expect(sockets[0]!.isClosed).toBe(true);
  });
});

const eventOf = (delivery: ReturnType<typeof events>) => {
  if (delivery.kind !== "events") throw new Error("these are events");
  return delivery.events[0]!;
};

describe("Grpc-Timeout", () => {
  const range = (timeout: string, network = led()): Promise<Response> =>
    appTo(network).send("POST", "/v3/kv/range", {
      body: '{"key":"YQ=="}',
      headers: { "Grpc-Timeout": timeout },
    });

  test.for(["1", "S", "1s", "1x", "1.5S", "1 S"])("%j is malformed", async (text) => {
    const response = await range(text);
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual(errorOf(3, `invalid grpc-timeout: ${text}`));
  });

  test.for(["", "0S", "1H", "+5S", "1M", "5000m", "100000000S", "99999999H"])(
    "%j is long enough",
    async (text) => {
      expect((await range(text)).status).toBe(200);
    },
  );

  test.for(["1n", "1u", "999u", "-1S"])("%j is over before anything is asked", async (text) => {
    const network = led();
    const response = await range(text, network);
    expect(response.status).toBe(504);
    expect(await response.json()).toEqual(errorOf(4, "context deadline exceeded"));
    expect(network.log).toEqual([]);
  });

  test("ends a call that nobody answers, and says so even of a read", async () => {
    const network = new FakeNetwork({ wnam: () => Promise.withResolvers<never>().promise });
    expect((await range("150m", network)).status).toBe(504);
  });

  test("is looked at before the body, and is over after it", async () => {
    const { send } = appTo(led());
    const bad = (timeout: string): Promise<Response> =>
      send("POST", "/v3/kv/range", { body: "{bad", headers: { "Grpc-Timeout": timeout } });
    expect(await (await bad("x")).json()).toMatchObject({ message: "invalid grpc-timeout: x" });
    expect((await bad("1n")).status).toBe(400);
  });
});

describe("hasleader", () => {
  const leaderless = (): FakeNetwork =>
    new FakeNetwork({ wnam: follows(null), enam: follows(null), weur: follows(null) });
  const ask = async (path: string, value: string): Promise<[number, string, number]> => {
    const before = performance.now();
    const headers = { "Grpc-Metadata-hasleader": value };
    const body = '{"key":"YQ==","name":"YQ=="}';
    const response = await appTo(leaderless()).send("POST", path, { body, headers });
    const ms = performance.now() - before;
    return [response.status, ((await response.json()) as { message: string }).message, ms];
  };

  test.for(["/v3/kv/range", "/v3/kv/put", "/v3/lock/lock", "/v3/election/leader"])(
    "on %s: without a leader the call ends early",
    async (path) => {
      const [status, message, ms] = await ask(path, "true");
      expect([status, message]).toEqual([503, "etcdserver: no leader"]);
      expect(ms).toBeLessThan(3_000);
    },
  );

  test.for([
    ["/v3/watch", JSON.stringify({ create_request: { key: base64("a") } })],
    ["/v3/election/observe", JSON.stringify({ name: base64("a") })],
  ] as const)("on %s: ends the stream when there has been no leader", async ([path, body]) => {
    const network = led();
    const sockets: FakeSocket[] = [];
    network.openSocket = async () => {
      sockets.push(new FakeSocket());
      return sockets.at(-1)!;
    };
    const headers = { "Grpc-Metadata-hasleader": "true" };
    const response = appTo(network).send("POST", path, { body, headers });
    await expect.poll(() => sockets[0]?.of("watch").length).toBe(1);
    for (const region of ["wnam", "enam", "weur"]) network.replicas.set(region, follows(null));
    sockets[0]!.drop();
    const lines = (await (await response).text()).trim().split("\n");
    expect(JSON.parse(lines.at(-1)!)).toMatchObject({
      error: { code: 14, message: "etcdserver: no leader" },
    });
  });

  test("holds for serializable reads as well, which any replica answers", async () => {
    const network = led();
    const answers = network.replicas.get("wnam")!;
    for (const region of ["wnam", "enam", "weur"]) {
      network.replicas.set(region, (call) =>
        call.request.kind === "range" && call.request.serializable
          ? answers(call)
          : follows(null)(call),
      );
    }
    const read = (headers: Record<string, string>): Promise<Response> =>
      appTo(network).send("POST", "/v3/kv/range", {
        body: '{"key":"YQ==","serializable":true}',
        headers,
      });
    expect((await read({})).status).toBe(200);
    expect((await read({ "Grpc-Metadata-hasleader": "true" })).status).toBe(503);
  });

  test("changes nothing while there is a leader", async () => {
    const { send } = appTo(led());
    const headers = { "Grpc-Metadata-hasleader": "true" };
    const response = await send("POST", "/v3/kv/range", { body: '{"key":"YQ=="}', headers });
    expect(response.status).toBe(200);
    await settle();
  });
});
