// Writes of the command line with an idempotency key: from one process after another, once.

import { afterAll, beforeAll, describe, test } from "vitest";
import { runCommand, type Ended } from "../support/command.ts";
import { startServer, type Server } from "../support/server.ts";

let server: Server;

beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

const run = (line: string, input = ""): Promise<Ended> =>
  runCommand([...line.split(" "), "--json", "--idempotency-key", line.split(" ")[0]!], {
    endpoint: server.url,
    input,
  });

describe("a command that is repeated with its idempotency key", () => {
  test.for<[string, string]>([
    ["put order 7", ""],
    ["del order", ""],
    ["txn", 'version("order") = "0"\n\nput order 8\n\n\n'],
  ])("%s: happens once", async ([line, input], { expect }) => {
    const first = await run(line, input);
    expect(first).toMatchObject({ code: 0 });
    expect(await run(line, input)).toEqual(first);
  });

  test("and another write is refused", async ({ expect }) => {
    expect(await run("put order 9")).toEqual({
      code: 1,
      out: "",
      err: "error: edgekeeper: the idempotency key was used with another request\n",
    });
  });
});
