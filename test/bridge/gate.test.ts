// How many requests are on their way at once, and in which order the others follow.

import { describe, test } from "vitest";
import {
  REQUEST_BYTES_MAX,
  REQUESTS_MAX,
  REQUESTS_WAITING_BYTES_MAX,
} from "../../src/bridge/bounds.ts";
import { Gate } from "../../src/bridge/gate.ts";

const patient = (): AbortSignal => new AbortController().signal;
const TURN = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

describe("a gate", () => {
  test.for([
    { name: "lets so many in at once", bytes: 1, most: REQUESTS_MAX },
    { name: "lets so many bytes in at once", bytes: REQUEST_BYTES_MAX / 4, most: 4 },
    { name: "lets one in that is larger than all", bytes: REQUEST_BYTES_MAX + 1, most: 1 },
  ])("$name, and one more for each that leaves", async ({ bytes, most }, { expect }) => {
    const gate = new Gate();
    const leaves: (() => void)[] = [];
    for (let n = 0; n < most + 2; n++) {
      void gate.enter(bytes, patient).then((leave) => leaves.push(leave!));
    }
    await TURN();
    expect(leaves).toHaveLength(most);
    leaves[0]!();
    await TURN();
    expect(leaves).toHaveLength(most + 1);
  });

  test("keeps a small one behind a large one that came first", async ({ expect }) => {
    const gate = new Gate();
    const order: string[] = [];
    const leave = await gate.enter(REQUEST_BYTES_MAX, patient);
    void gate.enter(REQUEST_BYTES_MAX, patient).then(() => order.push("large"));
    void gate.enter(1, patient).then(() => order.push("small"));
    await TURN();
    expect(order).toEqual([]);
    leave!();
    await TURN();
    expect(order).toEqual(["large"]);
  });

  test("forgets who does not wait any longer", async ({ expect }) => {
    const gate = new Gate();
    const leave = await gate.enter(REQUEST_BYTES_MAX, patient);
    const over = new AbortController();
    const waiting = gate.enter(1, () => over.signal);
    over.abort();
    expect(await waiting).toBeNull();
    leave!();
    expect(gate.isEmpty).toBe(true);
  });

  test("refuses what may not even wait", async ({ expect }) => {
    const gate = new Gate();
    await gate.enter(REQUEST_BYTES_MAX, patient);
    void gate.enter(REQUESTS_WAITING_BYTES_MAX, patient);
    const refused = { code: 8, message: "etcdserver: too many requests" };
    await expect(gate.enter(1, patient)).rejects.toMatchObject(refused);
  });
});
