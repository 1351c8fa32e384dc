// One watch stream of etcd's API over a played session: ids, order, refusals, progress, fragments.
// What is expected was seen on a running etcd 3.5.16 with the same requests.

import { describe, expect, test } from "vitest";
import { asRevision } from "../../src/base/types.ts";
import { ALL_WATCHES } from "../../src/base/watch.ts";
import { GATEWAY_ERRORS, type ApiError } from "../../src/api/error.ts";
import type { LineSink } from "../../src/http/line-sink.ts";
import { PLATFORM } from "../../src/http/platform.ts";
import { RequestError } from "../../src/http/response.ts";
import { SessionClient } from "../../src/http/session-client.ts";
import { WatchStream } from "../../src/http/watch-stream.ts";
import { events, FakeSocket, progress, settle } from "./support/fake-session.ts";

class Lines implements LineSink {
  readonly lines: { result: Record<string, never> }[] = [];
  error: ApiError | null = null;
  isEnded = false;

  async write(line: string): Promise<void> {
    expect(line.endsWith("}\n")).toBe(true);
    this.lines.push(JSON.parse(line));
  }

  async fail(error: ApiError): Promise<void> {
    this.error = error;
  }

  async end(): Promise<void> {
    this.isEnded = true;
  }

  /** The lines without their headers. */
  get bare(): object[] {
    return this.lines.map(({ result }) =>
      Object.fromEntries(Object.entries(result).filter(([name]) => name !== "header")),
    );
  }
}

function open(connect?: () => Promise<FakeSocket>) {
  const sink = new Lines();
  const sockets: FakeSocket[] = [];
  const stream = new WatchStream({
    sink,
    openSession: (owner) =>
      new SessionClient({
        ...PLATFORM,
        ...owner,
        connect:
          connect ??
          (async () => {
            sockets.push(new FakeSocket());
            return sockets.at(-1)!;
          }),
      }),
  });
  return { stream, sink, sockets };
}

const create = (fields: object = {}): string =>
  JSON.stringify({ create_request: { key: "aw==", ...fields } });
const cancel = (watchId: number): string =>
  JSON.stringify({ cancel_request: { watch_id: watchId } });
const PROGRESS = '{"progress_request":{}}';

describe("ids and order", () => {
  test("ids count from 0, pass over those that the client chose, and each creation is answered", async () => {
    const { stream, sink } = open();
    for (const fields of [{ watch_id: 0 }, { watch_id: -4 }, { watch_id: 1 }, {}, {}]) {
      expect(await stream.receive(create(fields))).toBe(true);
    }
    expect(sink.bare).toEqual([
      { created: true },
      { watch_id: "-4", created: true },
      { watch_id: "1", created: true },
      { watch_id: "2", created: true },
      { watch_id: "3", created: true },
    ]);
    stream.close();
  });

  test("an id that is in use is refused, under no id", async () => {
    const { stream, sink } = open();
    await stream.receive(create({ watch_id: 7 }));
    await stream.receive(create({ watch_id: 7 }));
    expect(sink.bare[1]).toEqual({
      watch_id: "-1",
      created: true,
      canceled: true,
      cancel_reason: "mvcc: duplicate watch ID provided on the WatchStream",
    });
    expect(sink.lines[1]!.result["header"]).toMatchObject({ raft_term: "2" });
    stream.close();
  });

  test("a creation is over only when it was answered: answers keep the order of requests", async () => {
    const socket = new FakeSocket();
    socket.createsAt = null;
    const { stream, sink } = open(async () => socket);
    const first = stream.receive(create());
    await settle();
    expect(sink.lines).toEqual([]);
    socket.deliver({ kind: "created", watch: 0, revision: asRevision(7) });
    expect(await first).toBe(true);
    expect(sink.lines[0]!.result["header"]).toMatchObject({ revision: "7", cluster_id: "9" });
    stream.close();
  });

  test("cancel: the watch hears of it, then its id is free; an unknown id is passed over", async () => {
    const { stream, sink } = open();
    await stream.receive(create({ watch_id: 7 }));
    await stream.receive(cancel(70));
    await stream.receive(cancel(7));
    await settle();
    expect(sink.bare.slice(1)).toEqual([{ watch_id: "7", canceled: true }]);
    await stream.receive(create({ watch_id: 7 }));
    expect(sink.bare.at(-1)).toEqual({ watch_id: "7", created: true });
    stream.close();
  });
});

/** The same delivery, with 900 kB to each value. */
function heavy(delivery: ReturnType<typeof events>): ReturnType<typeof events> {
  if (delivery.kind !== "events") return delivery;
  const value = new Uint8Array(900_000);
  const list = delivery.events.map((event) => ({ ...event, kv: { ...event.kv, value } }));
  return { ...delivery, events: list };
}

describe("what the replica says", () => {
  test("a refusal comes as created and canceled in one, with the reason", async () => {
    const socket = new FakeSocket();
    socket.createsAt = null;
    const { stream, sink } = open(async () => socket);
    const asked = stream.receive(create({ range_end: "Zg==" }));
    await settle();
    const cause = { kind: "refused", reason: "mvcc: watcher range is empty" } as const;
    socket.deliver({ kind: "canceled", watch: 0, revision: asRevision(7), cause });
    expect(await asked).toBe(true);
    expect(sink.bare).toEqual([
      {
        watch_id: "-1",
        created: true,
        canceled: true,
        cancel_reason: "mvcc: watcher range is empty",
      },
    ]);
    // Its id was never used, and goes to the next one.
    socket.createsAt = asRevision(7);
    await stream.receive(create({}));
    expect(sink.bare.at(-1)).toEqual({ created: true });
    stream.close();
  });

  test("compacted: no revision in the header, no reason, the compacted revision", async () => {
    const { stream, sink, sockets } = open();
    await stream.receive(create({ start_revision: 1 }));
    const cause = { kind: "compacted", compactRevision: asRevision(4) } as const;
    sockets[0]!.deliver({ kind: "canceled", watch: 0, revision: asRevision(9), cause });
    await settle();
    expect(sink.bare[1]).toEqual({ canceled: true, compact_revision: "4" });
    expect(sink.lines[1]!.result["header"]).not.toHaveProperty("revision");
    stream.close();
  });

  test("events go to their watch, with the delivery's revision", async () => {
    const { stream, sink, sockets } = open();
    await stream.receive(create());
    await stream.receive(create());
    sockets[0]!.deliver(events(1, ["k@8"]));
    await settle();
    expect(sink.bare[2]).toMatchObject({ watch_id: "1", events: [{ kv: { mod_revision: "8" } }] });
    expect(sink.lines[2]!.result["header"]).toMatchObject({ revision: "8" });
    stream.close();
  });

  test("parts of a revision are joined, up to 2 MiB for a client that takes fragments", async () => {
    const { stream, sink, sockets } = open();
    await stream.receive(create());
    await stream.receive(create({ fragment: true }));
    for (const watch of [0, 1]) {
      sockets[0]!.deliver(events(watch, ["a@8", "b@8"], { partial: true }));
      sockets[0]!.deliver(events(watch, ["c@8"]));
      for (const key of ["d@9", "e@9", "f@9", "g@9"]) {
        sockets[0]!.deliver(heavy(events(watch, [key], { partial: key !== "g@9" })));
        await settle();
      }
    }
    await settle();
    const shapes = sink.lines.slice(2).map(({ result }) => {
      const {
        watch_id = "0",
        fragment = false,
        events: list,
      } = result as never as {
        watch_id?: string;
        fragment?: boolean;
        events: unknown[];
      };
      return [watch_id, fragment, list.length];
    });
    expect(shapes).toEqual([
      ["0", false, 3],
      ["0", false, 4],
      ["1", false, 3],
      ["1", true, 2],
      ["1", false, 2],
    ]);
    expect(sockets[0]!.of("ack").at(-1)?.sequence).toBe(14);
    stream.close();
  });

  test("a revision beyond all bounds ends its watch, not the Worker", async () => {
    const { stream, sink, sockets } = open();
    await stream.receive(create());
    const huge = events(0, ["a@8"], { partial: true }) as Extract<
      ReturnType<typeof events>,
      { kind: "events" }
    >;
    const value = new Uint8Array(12_000_000);
    for (const key of ["a", "b", "c"]) {
      const [event] = huge.events;
      const kv = { ...event!.kv, key: new TextEncoder().encode(key), value };
      sockets[0]!.deliver({ ...huge, events: [{ ...event!, kv }] });
      await settle();
    }
    expect(sink.bare.slice(1)).toEqual([
      {
        canceled: true,
        cancel_reason: "edgekeeper: a revision is too large for one response; set fragment",
      },
    ]);
    expect(sockets[0]!.of("cancel")).toHaveLength(1);
    stream.close();
  });
});

describe("progress", () => {
  test("of one watch comes under its id", async () => {
    const { stream, sink, sockets } = open();
    await stream.receive(create());
    await stream.receive(create({ progress_notify: true }));
    sockets[0]!.deliver(progress(1, 20));
    await settle();
    expect(sink.lines[2]).toMatchObject({ result: { watch_id: "1", header: { revision: "20" } } });
    stream.close();
  });

  test("of all comes under -1, and only when it was asked for", async () => {
    const { stream, sink, sockets } = open();
    await stream.receive(create());
    sockets[0]!.deliver(progress(ALL_WATCHES, 20));
    await settle();
    expect(sink.lines).toHaveLength(1);
    await stream.receive(PROGRESS);
    expect(sockets[0]!.of("progress")).toHaveLength(1);
    sockets[0]!.deliver(progress(ALL_WATCHES, 21), progress(ALL_WATCHES, 22));
    await settle();
    expect(sink.bare.slice(1)).toEqual([{ watch_id: "-1" }]);
    expect(sink.lines[1]!.result["header"]).toMatchObject({ revision: "21" });
    stream.close();
  });

  test("without watches nothing is asked and nothing said", async () => {
    const { stream, sink, sockets } = open();
    expect(await stream.receive(PROGRESS)).toBe(true);
    expect(sockets).toEqual([]);
    await stream.inputEnded();
    expect(sink.isEnded).toBe(true);
  });

  test("the 151st watch opens another session, and progress is that of the slower one", async () => {
    const { stream, sink, sockets } = open();
    for (let count = 0; count < 151; count++) await stream.receive(create());
    expect(sockets).toHaveLength(2);
    expect(sockets[0]!.of("watch")).toHaveLength(150);
    await stream.receive(PROGRESS);
    sockets[0]!.deliver(progress(ALL_WATCHES, 30));
    await settle();
    expect(sink.lines).toHaveLength(151);
    sockets[1]!.deliver(progress(ALL_WATCHES, 25));
    await settle();
    expect(sink.lines.at(-1)).toMatchObject({
      result: { watch_id: "-1", header: { revision: "25" } },
    });
    stream.close();
  });
});

describe("the stream's life", () => {
  test("a malformed first request ends it with etcd's error", async () => {
    const { stream, sink } = open();
    expect(await stream.receive("{bad")).toBe(false);
    expect(sink.error).toMatchObject({ status: 400, code: 3 });
  });

  test("a malformed later request ends the reading, not the watches", async () => {
    const { stream, sink, sockets } = open();
    await stream.receive(create());
    expect(await stream.receive("{bad")).toBe(false);
    sockets[0]!.deliver(events(0, ["k@8"]));
    await settle();
    expect(sink.error).toBeNull();
    expect(sink.lines).toHaveLength(2);
    stream.close();
  });

  test("with watches it outlives the end of its input", async () => {
    const { stream, sink } = open();
    await stream.receive(create());
    await stream.inputEnded();
    expect(sink.isEnded).toBe(false);
    stream.close();
  });

  test("without a replica it fails with the reason, once", async () => {
    const { stream, sink } = open(() =>
      Promise.reject(new RequestError(GATEWAY_ERRORS.unknownCluster)),
    );
    expect(await stream.receive(create())).toBe(false);
    expect(sink.error).toEqual(GATEWAY_ERRORS.unknownCluster);
    expect(await stream.receive(create())).toBe(false);
  });

  test("closing it closes its sessions, and ends a creation that waits", async () => {
    const socket = new FakeSocket();
    socket.createsAt = null;
    const { stream } = open(async () => socket);
    const waiting = stream.receive(create());
    await settle();
    stream.close();
    expect(await waiting).toBe(false);
    expect(socket.isClosed).toBe(true);
  });
});
