// Passwords become bcrypt's hashes here, as etcd makes them, one at a time.

import { describe, expect, test } from "vitest";
import { PASSWORDS_WAITING_MAX } from "../../src/base/auth-limits.ts";
import { foreignHash, Passwords } from "../../src/http/passwords.ts";
import { PLATFORM } from "../../src/http/platform.ts";

/** Made by etcd 3.5.16 of the password "r", with Go's bcrypt. */
const OF_GO = "$2a$10$EXphBeUHF9um4Xsn9E3tIuezFL8xYeDBVCjTfq9FLSo2T/sRplz/W";

const passwords = (): Passwords => new Passwords(PLATFORM);

describe("hashing", () => {
  test("a hash has cost 10 and a salt of its own, and is of its password alone", async () => {
    const work = passwords();
    const [one, other] = [await work.hash("pw"), await work.hash("pw")];
    expect(one).toMatch(/^\$2a\$10\$[./A-Za-z0-9]{53}$/);
    expect(other).not.toBe(one);
    expect(await work.isOf("pw", one)).toBe(true);
    expect(await work.isOf("pW", one)).toBe(false);
    expect(await work.isOf("", one)).toBe(false);
  });

  test("the empty password is one too", async () => {
    const work = passwords();
    expect(await work.isOf("", await work.hash(""))).toBe(true);
  });

  test("a hash that etcd has made is understood", async () => {
    expect(await passwords().isOf("r", OF_GO)).toBe(true);
    expect(await passwords().isOf("rr", OF_GO)).toBe(false);
  });

  test("one that would take days is of no password, and soon", async () => {
    expect(await passwords().isOf("r", OF_GO.replace("$10$", "$31$"))).toBe(false);
  });

  test("nothing is of no hash", async () => {
    expect(await passwords().isOf("", null)).toBe(false);
  });

  test.for([
    ["x".repeat(72), true],
    ["x".repeat(73), false],
    ["ü".repeat(36), true],
    ["ü".repeat(37), false],
  ] as const)("what has 72 bytes at most is taken: %s", async ([password, isTaken]) => {
    const hashed = (async () => passwords().hash(password))();
    if (isTaken) await hashed;
    else await expect(hashed).rejects.toThrow("bcrypt: password length exceeds 72 bytes");
  });
});

describe("at once", () => {
  const never = (): Promise<never> => Promise.withResolvers<never>().promise;

  test("others come before each", async () => {
    const pause = Promise.withResolvers<void>();
    const work = new Passwords({ ...PLATFORM, sleep: () => pause.promise });
    let isDone = false;
    const hashed = work.hash("a").then(() => (isDone = true));
    await PLATFORM.sleep(150);
    expect(isDone).toBe(false);
    pause.resolve();
    await hashed;
  });

  test("there are not too many", async () => {
    const pause = Promise.withResolvers<void>();
    const work = new Passwords({ ...PLATFORM, sleep: () => pause.promise });
    const waiting = Array.from({ length: PASSWORDS_WAITING_MAX - 1 }, () => work.isOf("x", null));
    const last = work.isOf("x", "no hash");
    await expect(work.hash("x")).rejects.toThrow("etcdserver: too many requests");
    pause.resolve();
    expect(await last).toBe(false);
    expect(await work.isOf("x", "no hash")).toBe(false);
    await Promise.all(waiting);
  });

  test("a request that was dropped in the midst is not waited for, nor counted for ever", async () => {
    let now = 0;
    let sleep: () => Promise<void> = never;
    const work = new Passwords({ ...PLATFORM, clock: () => now, sleep: () => sleep() });
    for (let count = 0; count < PASSWORDS_WAITING_MAX; count++) void work.hash("dropped");
    sleep = () => Promise.resolve();
    await expect(work.hash("x")).rejects.toThrow("etcdserver: too many requests");
    now = 10_000;
    expect(await work.isOf("x", await work.hash("x"))).toBe(true);
  });
});

describe("hashes made elsewhere", () => {
  const tail = "N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";
  test.for([
    [`$2a$10$${tail}`, true],
    [`$2b$04$${tail}`, true],
    [`$2y$12$${tail}`, true],
    [btoa(`$2a$10$${tail}`), true],
    [`$2a$13$${tail}`, false],
    [`$2a$31$${tail}`, false],
    [`$2a$03$${tail}`, false],
    [`$2x$10$${tail}`, false],
    [`$2a$10$${tail.slice(1)}`, false],
    [`$2a$10$${tail}x`, false],
    [`$1$10$${tail}`, false],
    ["plain", false],
    ["!!", false],
  ] as const)("%s: %s", ([given, isTaken]) => {
    if (isTaken) expect(foreignHash(given)).toContain(tail);
    else
      expect(() => foreignHash(given)).toThrow("edgekeeper: hashedPassword is not a bcrypt hash");
  });
});
