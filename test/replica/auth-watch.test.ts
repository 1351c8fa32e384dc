// Who may watch: asked once, when a watch is created, by what the session's frame says.

import { beforeEach, describe, test } from "vitest";
import { put } from "../support/requests.ts";
import type { VirtualCluster } from "../support/virtual-cluster.ts";
import { administer, beginWithAuth, FORBID, login } from "./auth-cluster.ts";
import { CLOSE_RESUME } from "../../src/api/session.ts";
import type { Credentials } from "../../src/base/auth.ts";
import { EMPTY, encodeUtf8 } from "../../src/base/bytes.ts";
import { ZERO_BYTE } from "../../src/base/interval.ts";
import type { WatchDelivery, WatchSpec } from "../../src/base/watch.ts";

const key = encodeUtf8;

let cluster: VirtualCluster;

const follower = (): VirtualCluster["nodes"][number] =>
  cluster.nodes.find((node) => node !== cluster.leader())!;

describe("a watch", () => {
  const SESSION = 1;
  const spec = (from: string, to: Uint8Array<ArrayBuffer> = EMPTY): WatchSpec => ({
    key: key(from),
    rangeEnd: to,
    startRevision: 0,
    prevKv: false,
    progressNotify: false,
    noPut: false,
    noDelete: false,
  });
  const deliveries = (session = SESSION): WatchDelivery[] =>
    (cluster.frames.get(session) ?? []).flatMap((frame) =>
      frame.kind === "delivery" ? [frame.delivery] : [],
    );
  const said = (): string[] =>
    deliveries().map((delivery) =>
      delivery.kind === "canceled" && delivery.cause.kind === "refused"
        ? `${delivery.watch} ${delivery.cause.reason}`
        : `${delivery.watch} ${delivery.kind}`,
    );
  let ann: Credentials;

  beforeEach(() => {
    cluster = beginWithAuth();
    ann = login(cluster, "ann");
    cluster.openSession(cluster.leader()!, SESSION);
  });

  function watch(
    id: number,
    wanted: WatchSpec,
    credentials?: Credentials,
    isResumed = false,
  ): void {
    const who = credentials === undefined ? {} : { credentials, isResumed };
    cluster.sendFrame(cluster.leader()!, SESSION, {
      kind: "watch",
      watch: id,
      spec: wanted,
      ...who,
    });
  }

  test("is refused in etcd's words, in the order in which watches are asked for", ({ expect }) => {
    watch(0, spec("a"), ann);
    watch(1, spec("z"), ann);
    watch(2, spec("a", ZERO_BYTE), ann);
    watch(3, spec("a", key("c")), ann);
    watch(4, spec("a"));
    watch(5, spec("a"), { kind: "token", token: "abc.1" });
    watch(6, spec("", ZERO_BYTE), ann);
    watch(7, spec("a"), { kind: "user", name: "ann", authRevision: 2 });
    watch(8, spec("b"), ann);
    cluster.run(1_000);
    expect(said()).toEqual([
      "0 created",
      "1 rpc error: code = PermissionDenied desc = etcdserver: permission denied",
      "2 rpc error: code = PermissionDenied desc = etcdserver: permission denied",
      "3 created",
      "4 rpc error: code = InvalidArgument desc = etcdserver: user name is empty",
      "5 rpc error: code = Unauthenticated desc = etcdserver: invalid auth token",
      "6 rpc error: code = PermissionDenied desc = etcdserver: permission denied",
      "7 rpc error: code = InvalidArgument desc = etcdserver: revision of auth store is old",
      "8 created",
    ]);
  });

  test("keeps what it was permitted across a sleep, and when that is taken away", ({ expect }) => {
    const root = login(cluster, "root");
    watch(0, spec("a"), ann);
    cluster.sendFrame(cluster.leader()!, SESSION, { kind: "ack", sequence: 1 });
    const checkpoint = cluster.checkpoints.get(SESSION)!;
    const { token } = ann as Extract<Credentials, { kind: "token" }>;
    expect(Buffer.from(checkpoint).includes(token)).toBe(false);
    administer(cluster, FORBID, root);
    const node = cluster.leader()!;
    cluster.restart(node);
    cluster.openSession(node, SESSION, checkpoint);
    cluster.runUntil(() => cluster.leader() !== null);
    cluster.serve(put(key("a"), key("1")), { credentials: root });
    cluster.run(1_000);
    expect(said()).toEqual(["0 created", "0 events"]);
  });

  test("goes on over another connection without being asked again", ({ expect }) => {
    watch(0, spec("z"), ann, true);
    watch(1, spec("a"), { kind: "token", token: "abc.1" }, true);
    expect(said()).toEqual(["0 created", "1 created"]);
  });

  test("by a token that its replica has not heard of waits until it has, and so does what follows", ({
    expect,
  }) => {
    const behind = follower();
    behind.isCut = true;
    const late = login(cluster, "ann");
    behind.isCut = false;
    cluster.openSession(behind, 2);
    const ask = (id: number, wanted: WatchSpec): void =>
      cluster.sendFrame(behind, 2, { kind: "watch", watch: id, spec: wanted, credentials: late });
    ask(0, spec("a"));
    ask(1, spec("z"));
    ask(2, spec("b"));
    cluster.sendFrame(behind, 2, { kind: "cancel", watch: 2 });
    expect(deliveries(2)).toEqual([]);
    expect(cluster.runUntil(() => deliveries(2).length >= 4)).toBe(true);
    const kinds = deliveries(2).map(({ kind, watch: id }) => `${id} ${kind}`);
    expect(kinds).toEqual(["0 created", "1 canceled", "2 created", "2 canceled"]);
    expect(cluster.closes.get(2)).toBeUndefined();
  });

  test("that nobody can tell about ends its session, to be resumed elsewhere", ({ expect }) => {
    const behind = follower();
    for (const node of cluster.nodes) node.isCut = node !== behind;
    cluster.run(5_000);
    cluster.openSession(behind, 2);
    cluster.sendFrame(behind, 2, { kind: "watch", watch: 0, spec: spec("a") });
    expect(deliveries(2)).toEqual([]);
    expect(cluster.closes.get(2)).toBe(CLOSE_RESUME);
  });
});
