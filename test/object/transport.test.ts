// Calls to peers: what becomes of those under way when the members change.

import { describe, test } from "vitest";
import type { Member } from "../../src/api/replica.ts";
import { asMemberId, asTerm } from "../../src/base/types.ts";
import { Transport } from "../../src/object/transport.ts";
import { encodeMessages } from "../../src/raft/message-codec.ts";

const PEER: Member = { id: asMemberId(2n), region: "enam", generation: 1 };
const WAKE = { kind: "wake", from: asMemberId(1n), to: PEER.id, term: asTerm(1) } as const;

describe("a call to a peer that is let go", () => {
  test("arrives, for it may be the last that the peer hears, and its answer is not told", async ({
    expect,
  }) => {
    const signals: AbortSignal[] = [];
    const told: unknown[] = [];
    const answered = Promise.withResolvers<Response>();
    const transport = new Transport({
      fetch: (_, request) => {
        signals.push(request.signal);
        return answered.promise;
      },
      delayMs: () => 0,
      answered: (...answer) => told.push(answer),
      called: () => undefined,
      failed: (peer) => told.push(peer),
    });
    transport.adopt([PEER]);
    transport.send({ to: PEER.id, messages: [WAKE] });
    transport.adopt([]);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
    answered.resolve(new Response(encodeMessages([])));
    await new Promise((resolve) => void setTimeout(resolve));
    expect(told).toEqual([]);
  });
});
