// The command line of `edgekeeper grpc`: what it understands, and what it says when it does not.

import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { describe, test } from "vitest";
import { OptionError } from "../../src/cli/dev-options.ts";
import { openBridge } from "../../src/cli/grpc.ts";
import { parseGrpcOptions } from "../../src/cli/grpc-options.ts";

const parse = (args: string) => parseGrpcOptions(args === "" ? [] : args.split(" "), {});

describe("options", () => {
  test("have defaults: etcd's port on loopback, before npm start", ({ expect }) => {
    expect(parse("")).toEqual({
      host: "127.0.0.1",
      port: 2379,
      endpoint: new URL("http://127.0.0.1:8787"),
      token: null,
      tls: null,
    });
  });

  test("are read as they were typed", ({ expect }) => {
    expect(parse("--listen [::1]:0 --endpoint https://a.example/c/b --token t")).toMatchObject({
      host: "::1",
      port: 0,
      endpoint: new URL("https://a.example/c/b"),
      token: "t",
    });
    expect(parse("--listen :9")).toMatchObject({ host: "127.0.0.1", port: 9 });
  });

  test("take the token from the environment, where others do not see it", ({ expect }) => {
    expect(parseGrpcOptions([], { EDGEKEEPER_TOKEN: "e" })).toMatchObject({ token: "e" });
  });

  const mistakes = [
    { args: "--listen 2379", says: /--listen 2379 is no address/u },
    { args: "--listen a:70000", says: /is no address/u },
    { args: "--endpoint ftp://a", says: /is no URL/u },
    { args: "--cert a.pem", says: /belong together/u },
    { args: "--cert none.pem --key none.pem", says: /--cert none.pem cannot be read \(ENOENT\)/u },
    { args: "--lisen a", says: /--lisen[\s\S]*Usage/u },
  ];
  test.for(mistakes)("$args is refused with a sentence", ({ args, says }, { expect }) => {
    expect(() => parse(args)).toThrow(OptionError);
    expect(() => parse(args)).toThrow(says);
  });
});

test("a port in use ends with a sentence that tells what to do", async ({ expect }) => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const { port } = other.address() as AddressInfo;
  const opening = openBridge({ ...parse("")!, port }, "--grpc-port");
  await expect(opening).rejects.toThrow(
    `Port ${port} is in use by another program. Choose another with --grpc-port.`,
  );
  other.close();
});

test("the command tells what there is, and what there is not", ({ expect }) => {
  const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [main, ...args], { encoding: "utf8" });
  expect(run("--help").stdout).toContain("grpc");
  expect(run("grpc", "--help").stdout).toContain("--endpoint URL");
  const wrong = run("grcp");
  expect([wrong.status, wrong.stderr]).toMatchObject([2, expect.stringContaining("'grcp'")]);
});
