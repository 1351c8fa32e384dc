// Goal: npm's etcd3, as it is, works. Method: what its users do with it, against a running server's gRPC
// port; and, where there is an etcd in the path or named by ETCD, against that too, so that what is
// expected here is what etcd does.

import { once } from "node:events";
import {
  Etcd3,
  EtcdAuthenticationFailedError,
  EtcdLeaseInvalidError,
  EtcdLockFailedError,
  EtcdPermissionDeniedError,
  EtcdRoleExistsError,
  EtcdRoleNotFoundError,
  EtcdUserExistsError,
  EtcdUserNotFoundError,
  GRPCGenericError,
  GRPCInvalidArgumentError,
  GRPCOutOfRangeError,
  type IKeyValue,
} from "etcd3";
import { afterAll, afterEach, beforeAll, beforeEach, describe, test } from "vitest";
import { findEtcd, startEtcd } from "../etcd/etcd-server.ts";
import { changesOf } from "../support/etcd3-changes.ts";
import { freePort, startServer } from "../support/server.ts";

interface Target {
  readonly host: string;
  stop(): Promise<void>;
}

async function startEdgekeeper(): Promise<Target> {
  const grpcPort = await freePort();
  const server = await startServer({ grpcPort });
  return { host: `127.0.0.1:${grpcPort}`, stop: () => server.stop() };
}

async function startRealEtcd(program: string): Promise<Target> {
  const target = await startEtcd(program);
  return { host: new URL(target.url).host, stop: () => target.stop() };
}

const etcd = findEtcd();
const TARGETS: (readonly [string, () => Promise<Target>])[] = [["edgekeeper", startEdgekeeper]];
if (etcd !== null) TARGETS.push([`etcd ${etcd.version}`, () => startRealEtcd(etcd.program)]);

describe.each(TARGETS)("etcd3 with %s", (_name, start) => {
  let target: Target;
  let client: Etcd3;
  const others: Etcd3[] = [];

  const connect = (options: { username: string; password: string } | null = null): Etcd3 => {
    const other = new Etcd3({ hosts: target.host, ...(options === null ? {} : { auth: options }) });
    others.push(other);
    return other;
  };

  beforeAll(async () => {
    target = await start();
  });
  afterAll(() => target.stop());
  beforeEach(async () => {
    client = connect();
  });
  afterEach(() => {
    for (const other of others.splice(0)) other.close();
  });

  describe("open to all:", () => {
    beforeEach(() =>
      client
        .delete()
        .all()
        .exec()
        .then(() => undefined),
    );

    describe("keys", () => {
      test("hold text, numbers, JSON and bytes", async ({ expect }) => {
        await client.put("text").value("bär");
        await client.put("number").value(42);
        await client.put("json").value('{"a":[1]}');
        const bytes = Buffer.from([0, 255, 128, 10]);
        await client.put("bytes").value(bytes);
        expect(await client.get("text").string()).toBe("bär");
        expect(await client.get("number").number()).toBe(42);
        expect(await client.get("json").json()).toEqual({ a: [1] });
        expect(await client.get("bytes").buffer()).toEqual(bytes);
        expect(await client.get("nothing")).toBeNull();
        expect(await client.get("text").exists()).toBe(true);
        expect(await client.get("nothing").exists()).toBe(false);
      });

      test("are found by prefix, sorted, limited and counted", async ({ expect }) => {
        for (const key of ["p/c", "p/a", "p/b", "q"]) await client.put(key).value(key.at(-1)!);
        expect(await client.getAll().prefix("p/").strings()).toEqual({
          "p/a": "a",
          "p/b": "b",
          "p/c": "c",
        });
        expect(await client.getAll().prefix("p/").sort("Key", "Descend").limit(2).keys()).toEqual([
          "p/c",
          "p/b",
        ]);
        expect(await client.getAll().count()).toBe(4);
        expect(await client.getAll().inRange({ start: "p/b", end: "q" }).keys()).toEqual([
          "p/b",
          "p/c",
        ]);
      });

      test("are deleted one by one and by prefix, and their values returned", async ({
        expect,
      }) => {
        for (const key of ["a", "b/1", "b/2"]) await client.put(key).value(key);
        const previous = await client.delete().key("a").getPrevious();
        expect(previous.map(({ value }) => value.toString())).toEqual(["a"]);
        expect((await client.delete().prefix("b/")).deleted).toBe("2");
        expect(await client.getAll().count()).toBe(0);
      });

      test("have their former values at former revisions", async ({ expect }) => {
        const { header } = await client.put("k").value("one");
        const put = await client.put("k").value("two").getPrevious();
        expect(put.value.toString()).toBe("one");
        expect(await client.get("k").revision(header.revision).string()).toBe("one");
      });

      test("of a namespace have its prefix, and it sees no others", async ({ expect }) => {
        const inner = client.namespace("users/");
        await inner.put("1").value("a");
        await client.put("2").value("b");
        expect(await client.get("users/1").string()).toBe("a");
        expect(await inner.getAll().strings()).toEqual({ "1": "a" });
        await inner.delete().all();
        expect(await client.getAll().keys()).toEqual(["2"]);
      });
    });

    test("a transaction takes one branch or the other", async ({ expect }) => {
      const take = () =>
        client
          .if("owner", "Create", "==", 0)
          .then(client.put("owner").value("me"))
          .else(client.get("owner"))
          .commit();
      expect((await take()).succeeded).toBe(true);
      const second = await take();
      expect(second.succeeded).toBe(false);
      expect(second.responses[0]!.response_range.kvs[0]!.value.toString()).toBe("me");
      const third = await client
        .if("owner", "Value", "==", "me")
        .and("owner", "Version", "<", 2)
        .then(client.delete().key("owner"))
        .commit();
      expect(third.succeeded).toBe(true);
    });

    describe("a lease", () => {
      test("keeps its keys while it is kept alive, and takes them along", async ({ expect }) => {
        const lease = client.lease(2);
        await lease.put("held").value("x");
        await once(lease, "keepaliveSucceeded");
        // More than a time to live after the grant, thanks to the keepalives.
        await once(lease, "keepaliveSucceeded");
        await once(lease, "keepaliveSucceeded");
        await once(lease, "keepaliveSucceeded");
        expect(await client.get("held").string()).toBe("x");
        await lease.revoke();
        expect(await client.get("held").exists()).toBe(false);
        expect(lease.revoked()).toBe(true);
      });

      test("that is gone is told so", async ({ expect }) => {
        const lease = client.lease(2);
        const id = await lease.grant();
        const lost = once(lease, "lost");
        await client.leaseClient.leaseRevoke({ ID: id });
        const [error] = (await lost) as [Error];
        expect(error).toBeInstanceOf(EtcdLeaseInvalidError);
      });

      test("that is not kept alive ends", async ({ expect }) => {
        const lease = client.lease(1, { autoKeepAlive: false });
        await lease.put("brief").value("x");
        const watcher = await client.watch().key("brief").create();
        await once(watcher, "delete");
        await watcher.cancel();
        await expect(lease.put("brief").value("y").exec()).rejects.toBeInstanceOf(
          EtcdLeaseInvalidError,
        );
      });
    });

    describe("a watch", () => {
      test("tells of puts and deletions under a prefix, with what was before", async ({
        expect,
      }) => {
        const watcher = await client.watch().prefix("w/").withPreviousKV().create();
        const { seen, reach } = changesOf(watcher);
        const before: string[] = [];
        watcher.on("put", (_: IKeyValue, previous?: IKeyValue) =>
          before.push(previous?.value?.toString() ?? ""),
        );
        await client.put("w/1").value("a");
        await client.put("other").value("x");
        await client.put("w/1").value("b");
        await client.delete().key("w/1");
        await reach(3);
        expect([seen, before]).toEqual([
          ["a", "b", null],
          ["", "a"],
        ]);
        await watcher.cancel();
        await client.put("w/1").value("late");
        expect(seen).toHaveLength(3);
      });

      test("begins at a revision that was", async ({ expect }) => {
        const { header } = await client.put("old").value("1");
        await client.put("old").value("2");
        const watcher = await client.watch().key("old").startRevision(header.revision).create();
        const { seen, reach } = changesOf(watcher);
        await reach(2);
        expect(seen).toEqual(["1", "2"]);
      });

      test("is one of many in a stream", async ({ expect }) => {
        const watchers = await Promise.all(
          Array.from({ length: 50 }, (_, n) => client.watch().key(`many/${n}`).create()),
        );
        const all = watchers.map((watcher) => once(watcher, "put"));
        await Promise.all(watchers.map((_, n) => client.put(`many/${n}`).value(n).exec()));
        const values = (await Promise.all(all)).map(([kv]) => Number((kv as IKeyValue).value));
        expect(values).toEqual(watchers.map((_, n) => n));
      });
    });

    describe("a lock", () => {
      test("is held by one at a time", async ({ expect }) => {
        const lock = client.lock("mutex");
        await lock.acquire();
        await expect(connect().lock("mutex").acquire()).rejects.toBeInstanceOf(EtcdLockFailedError);
        await lock.release();
        expect(
          await connect()
            .lock("mutex")
            .do(() => "mine"),
        ).toBe("mine");
      });
    });

    test("an election has one leader, and the next when it resigns", async ({ expect }) => {
      const [one, two] = [client.election("room", 5), connect().election("room", 5)];
      const first = one.campaign("first");
      await first.wait();
      const observer = await one.observe();
      const changed: (string | undefined)[] = [];
      observer.on("change", (value) => changed.push(value));
      const second = two.campaign("second");
      second.on("error", () => {});
      expect(await two.leader()).toBe("first");
      await first.proclaim("first again");
      while (changed.at(-1) !== "first again") await once(observer, "change");
      await first.resign();
      await second.wait();
      while (changed.at(-1) !== "second") await once(observer, "change");
      expect(await one.leader()).toBe("second");
      await observer.cancel();
      await second.resign();
      expect(await one.leader()).toBeUndefined();
    });

    test("increments of many at once are all counted", async ({ expect }) => {
      const clients = [client, connect(), connect(), connect()];
      await client.put("counter").value(0);
      const increment = (from: Etcd3): Promise<unknown> =>
        from.stm({ retries: 1_000 }).transact(async (tx) => {
          const now = await tx.get("counter").number();
          await tx.put("counter").value((now ?? 0) + 1);
        });
      const rounds = clients.map(async (from) => {
        for (let n = 0; n < 10; n++) await increment(from);
      });
      await Promise.all(rounds);
      expect(await client.get("counter").number()).toBe(40);
    });

    test("a snapshot comes in pieces, with a digest at the end", async ({ expect }) => {
      await client.put("k").value("x".repeat(100_000));
      const stream = await client.maintenance.snapshot();
      let size = 0;
      let remaining = "";
      stream.on("data", (piece: { blob: Buffer; remaining_bytes: string }) => {
        size += piece.blob.length;
        remaining = piece.remaining_bytes;
      });
      await new Promise<void>((resolve) => {
        stream.on("end", () => resolve());
      });
      expect(size).toBeGreaterThan(100_000);
      expect(remaining).toBe("0");
    });

    test("status and members are told", async ({ expect }) => {
      const { version, leader } = await client.maintenance.status();
      expect(version).toMatch(/^3\.\d+\.\d+$/);
      const { members } = await client.cluster.memberList({});
      expect(members.map(({ ID }) => ID)).toContain(leader);
      expect(members[0]!.clientURLs).toEqual([`http://${target.host}`]);
    });

    test("refusals are errors of their kinds", async ({ expect }) => {
      const { header } = await client.put("k").value("x");
      const future = client.get("k").revision(Number(header.revision) + 100);
      await expect(future.string()).rejects.toBeInstanceOf(GRPCOutOfRangeError);
      await expect(client.put("").value("x").exec()).rejects.toBeInstanceOf(
        GRPCInvalidArgumentError,
      );
      await expect(client.put("k").value("x").lease(1234).exec()).rejects.toBeInstanceOf(
        EtcdLeaseInvalidError,
      );
      await expect(client.user("nobody").delete()).rejects.toBeInstanceOf(EtcdUserNotFoundError);
      await expect(client.role("nobody").delete()).rejects.toBeInstanceOf(EtcdRoleNotFoundError);
      const large = client.put("k").value("x".repeat(1_700_000)).exec();
      await expect(large).rejects.toThrow(/etcdserver: request is too large/);
      await expect(client.auth.authEnable()).rejects.toBeInstanceOf(GRPCGenericError);
    });
  });

  describe("with users", () => {
    let root: Etcd3;

    beforeAll(async () => {
      const setUp = new Etcd3({ hosts: target.host });
      await setUp.user("root").create("secret");
      await setUp.role("root").create();
      await setUp.user("root").addRole("root");
      await setUp.user("alice").create("pass");
      await setUp.role("reader").create();
      await setUp.role("reader").grant([
        { permission: "Read", range: setUp.range({ prefix: "open/" }) },
        { permission: "Readwrite", key: "mine" },
      ]);
      await setUp.user("alice").addRole("reader");
      await setUp.auth.authEnable();
      setUp.close();
    });
    beforeEach(() => {
      root = connect({ username: "root", password: "secret" });
    });
    afterAll(async () => {
      const last = new Etcd3({
        hosts: target.host,
        auth: { username: "root", password: "secret" },
      });
      await last.auth.authDisable();
      last.close();
    });

    test("each may do what is granted", async ({ expect }) => {
      await root.put("open/1").value("x");
      const alice = connect({ username: "alice", password: "pass" });
      expect(await alice.getAll().prefix("open/").strings()).toEqual({ "open/1": "x" });
      await alice.put("mine").value("y");
      const denied = alice.put("open/1").value("z").exec();
      await expect(denied).rejects.toBeInstanceOf(EtcdPermissionDeniedError);
      await expect(alice.getUsers()).rejects.toBeInstanceOf(EtcdPermissionDeniedError);
      const watcher = await alice.watch().prefix("open/").create();
      const put = once(watcher, "put");
      await root.put("open/2").value("seen");
      expect(String(((await put) as [IKeyValue])[0].value)).toBe("seen");
    });

    test("a wrong password lets nobody in", async ({ expect }) => {
      const wrong = connect({ username: "alice", password: "guess" });
      await expect(wrong.get("mine").string()).rejects.toBeInstanceOf(
        EtcdAuthenticationFailedError,
      );
    });

    test("users and roles are listed, granted and taken away", async ({ expect }) => {
      await expect(root.user("alice").create("x")).rejects.toBeInstanceOf(EtcdUserExistsError);
      await expect(root.role("reader").create()).rejects.toBeInstanceOf(EtcdRoleExistsError);
      expect((await root.getUsers()).map((user) => user.name)).toEqual(["alice", "root"]);
      const permissions = await root.role("reader").permissions();
      expect(permissions.map(({ permission }) => permission)).toEqual(["Readwrite", "Read"]);
      await root.user("bob").create("first");
      await root.user("bob").setPassword("second");
      await root.user("bob").addRole("reader");
      expect((await root.user("bob").roles()).map((role) => role.name)).toEqual(["reader"]);
      const bob = connect({ username: "bob", password: "second" });
      await bob.put("mine").value("bob's");
      await root.user("bob").removeRole("reader");
      await expect(bob.get("mine").string()).rejects.toBeInstanceOf(EtcdPermissionDeniedError);
      await root.user("bob").delete();
    });
  });
});
