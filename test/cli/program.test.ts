// The command line without a deployment: what it understands, what it says when it does not, and how
// bytes, colours and transactions are written.

import { createServer, type Server } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { describe, test } from "vitest";
import { connectionOf } from "../../src/cli/connection-options.ts";
import { CommandError } from "../../src/cli/exit-codes.ts";
import { callsSince, peerCallsIn } from "../../src/cli/peer-metrics.ts";
import { fromJsonBytes, toJsonBytes, toLine } from "../../src/cli/printable.ts";
import { runProgram } from "../../src/cli/program.ts";
import { recordsIn } from "../../src/cli/records.ts";
import { showsColour } from "../../src/cli/terminal.ts";
import { parseTxn } from "../../src/cli/txn-syntax.ts";
import { playTerminal } from "./terminal.ts";

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("what is not understood is exit code 2, and changes nothing", () => {
  test.for([
    ["gte a", "Did you mean get?"],
    ["get", "missing required argument 'key'"],
    ["get a --lmit 3", "Did you mean --limit?"],
    ["get a --limit none", "Give a whole number, 1 or more."],
    ["get a b --prefix", "--prefix and a range-end exclude each other"],
    ["get a --order up", "Allowed choices are ascend, descend"],
    ["put a b --lease x", "Give an id in decimal"],
    ["put a b --if-absent --if-revision 2", "exclude each other"],
    ["lease grnt 3", "Did you mean grant?"],
    ["lease grant soon", "soon: Give a whole number"],
    ["elect workers", "Say as whom to lead"],
    ["export a.jsonl --to-etcd http://127.0.0.1:1", "exclude each other"],
    ["import --from-etcd nowhere", "nowhere is no address of an etcd"],
    ["snapshot restore a.snapshot", "--cluster NAME"],
    ["get a --endpoint ftp://a", "--endpoint ftp://a is no address"],
    ["get a --user ann", "needs a password"],
    ["completion tcsh", "Allowed choices are bash, zsh, fish"],
  ] as const)("%s", async ([line, says], { expect }) => {
    const terminal = playTerminal();
    expect(await runProgram(line.split(" "), terminal)).toBe(2);
    expect(terminal.heard.err).toContain(says);
    expect(terminal.heard.out).toBe("");
  });
});

describe("the connection", () => {
  test.for([
    [{}, {}, { url: "http://127.0.0.1:8787", cluster: "default", token: null, user: null }],
    [{ endpoint: "https://a.example/c/flags" }, {}, { url: "https://a.example", cluster: "flags" }],
    [
      {},
      { EDGEKEEPER_ENDPOINT: "http://b.example:1", EDGEKEEPER_CLUSTER: "x" },
      { url: "http://b.example:1", cluster: "x" },
    ],
    [{ token: "t" }, { EDGEKEEPER_TOKEN: "e" }, { token: "t" }],
    [{ user: "ann:a:b" }, {}, { user: { name: "ann", password: "a:b" } }],
    [{ user: "ann" }, { EDGEKEEPER_PASSWORD: "p" }, { user: { name: "ann", password: "p" } }],
  ] as const)("%j in %j", ([options, environment, expected], { expect }) => {
    expect(connectionOf(options, environment)).toMatchObject(expected);
  });

  test("of two clusters none is chosen", ({ expect }) => {
    const options = { endpoint: "http://a.example/c/one", cluster: "two" };
    expect(() => connectionOf(options, {})).toThrow(CommandError);
  });
});

describe("what a refusal means", () => {
  async function answering(status: number, body: object): Promise<{ server: Server; url: string }> {
    const server = createServer((_, response) =>
      response.writeHead(status).end(JSON.stringify(body)),
    );
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
  }

  test.for([
    [401, 16, "etcdserver: invalid auth token", 5, "EDGEKEEPER_TOKEN"],
    [403, 7, "etcdserver: permission denied", 5, "--user"],
    [400, 3, "etcdserver: user name is empty", 5, "--user NAME"],
    [404, 5, "edgekeeper: no such cluster", 3, "no such cluster"],
    [503, 14, "etcdserver: no leader", 4, "edgekeeper doctor"],
    [500, 13, "broken \u001b[31m", 1, String.raw`broken \u001b[31m`],
  ] as const)("%i, code %i: %s", async ([status, code, message, exitCode, says], { expect }) => {
    const { server, url } = await answering(status, { error: message, code, message });
    const terminal = playTerminal();
    expect(await runProgram(["export", "--endpoint", url], terminal)).toBe(exitCode);
    expect(terminal.heard.err).toContain(says);
    server.close();
  });
});

describe("bytes", () => {
  test.for([
    [utf8("å\u0000"), "å\u0000"],
    [Uint8Array.of(0xff), { base64: "/w==" }],
    [utf8("\ufeffx"), "\ufeffx"],
  ] as const)("%j in JSON, and back", ([bytes, json], { expect }) => {
    expect(toJsonBytes(bytes)).toEqual(json);
    expect(fromJsonBytes(json)).toEqual(bytes);
  });

  test("nothing in a table moves the cursor", ({ expect }) => {
    expect(toLine(utf8("a\u001b[2J\nb\u202e"))).toBe(String.raw`a\u001b[2J\nb\u202e`);
    expect(toLine(utf8("abcdef"), 4)).toBe("abc…");
  });
});

test.for([
  [true, {}, true],
  [false, {}, false],
  [true, { NO_COLOR: "1" }, false],
  [true, { NO_COLOR: "" }, true],
  [false, { FORCE_COLOR: "1" }, true],
  [true, { FORCE_COLOR: "0" }, false],
  [true, { TERM: "dumb" }, false],
] as const)(
  "on a terminal: %s, with %j, colours: %s",
  ([isTTY, environment, shows], { expect }) => {
    expect(showsColour(playTerminal({ isTTY }).stdout, environment)).toBe(shows);
  },
);

describe("a txn in etcdctl's words", () => {
  test("has comparisons, and two branches", ({ expect }) => {
    const text =
      'mod("a") > "3"\nval("b c") != "x\\x00"\nlease("k") = "0x10"\n\nput a "b c" --lease=7 --prev-kv\ndel z --prefix\n\nget a b --limit 3 --order DESCEND --sort-by MODIFY\n';
    expect(parseTxn(text)).toMatchObject({
      compare: [
        { target: "mod", result: "greater", operand: 3 },
        { target: "value", result: "notEqual", keys: utf8("b c"), operand: utf8("x\u0000") },
        { target: "lease", result: "equal", operand: 16n },
      ],
      success: [
        { kind: "put", key: "a", value: utf8("b c"), fields: { lease: 7n, previous: true } },
        { kind: "delete", keys: { prefix: "z" } },
      ],
      failure: [
        {
          kind: "get",
          keys: { from: "a", to: "b" },
          fields: { limit: 3, order: "descend", sortBy: "modRevision" },
        },
      ],
    });
  });

  test.for([
    ["mod(a) = 1", "Line 1 of the txn"],
    ['size("a") = "1"', "size cannot be compared"],
    ['mod("a") = "x"', "Give a whole number"],
    ["\nput a", "Line 2 of the txn, put a: put takes a key and a value"],
    ['\nput a "b', "a quote is not closed"],
    ['\nput a "\\q"', String.raw`\q is no escape`],
    ["\ntake a", "put, get or del"],
    ["\n\n\nget a", "three parts only"],
  ] as const)("%j is refused with its line", ([text, says], { expect }) => {
    expect(() => parseTxn(text)).toThrow(says);
  });
});

describe("an export's lines", () => {
  const begin = '{"edgekeeper_export":1,"revision":"7","keys":1}\n';
  async function readAll(text: string): Promise<number> {
    let count = 0;
    // In pieces, as files come: a letter may be in two of them.
    const bytes = utf8(text);
    async function* pieces() {
      for (let at = 0; at < bytes.length; at += 3) yield bytes.subarray(at, at + 3);
    }
    for await (const _ of recordsIn(pieces())) count++;
    return count;
  }

  test("are read in pieces of any length", async ({ expect }) => {
    expect(await readAll(`${begin}{"key":"å","value":"…"}\n{"end":true,"keys":1}`)).toBe(2);
  });

  test.for([
    ["", "cut off"],
    [begin, "cut off"],
    ['{"key":"a","value":""}\n', "does not begin as an export"],
    [`${begin}{"end":true,"keys":1}\n`, "it has 0 keys, and should have 1"],
    [`${begin}{"end":true,"keys":0}\n{"key":"a"}\n`, "follows its end"],
    [`${begin}nonsense\n`, "Line 2 of the export: it is no JSON"],
    [`${begin}{"key":{"base64":"?"}}\n`, "neither a key nor a lease"],
    ['{"edgekeeper_export":2}\n', "neither a key nor a lease"],
  ] as const)("%j is refused", async ([text, says], { expect }) => {
    await expect(readAll(text)).rejects.toThrow(says);
  });
});

test("round trips are those since the last look; who restarted is counted from nothing", ({
  expect,
}) => {
  const scrape = (answered: number, seconds: number, failed: number): string =>
    `etcd_network_peer_round_trip_time_seconds_sum{region="a",generation="1",To="b"} ${seconds}\n` +
    `etcd_network_peer_round_trip_time_seconds_count{region="a",generation="1",To="b"} ${answered}\n` +
    `etcd_network_peer_sent_failures_total{region="a",generation="1",To="b"} ${failed}\n`;
  const before = peerCallsIn(scrape(10, 1, 3));
  expect(callsSince(before, peerCallsIn(scrape(14, 1.5, 3)))).toEqual([
    { from: "a", to: "b", answered: 4, failed: 0, seconds: 0.5 },
  ]);
  expect(callsSince(before, peerCallsIn(scrape(2, 0.1, 0)))).toMatchObject([{ answered: 2 }]);
});
