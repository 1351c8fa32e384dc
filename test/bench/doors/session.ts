// Owns the session door: all clients share one WebSocket, as the requests of one program do.

import type { SessionRequest, SessionResult } from "../../../src/api/session-call.ts";
import { rangeOfKey } from "../../../src/api/kv-json.ts";
import { EMPTY } from "../../../src/base/bytes.ts";
import type { RangeRequest } from "../../../src/base/kv.ts";
import { asLeaseId, NO_LEASE, type Bytes } from "../../../src/base/types.ts";
import { Session } from "../../../src/client/session.ts";
import { endOfPrefix, expectThat, type Connection, type Door } from "./door.ts";
import { SOCKET_PLATFORM } from "./socket-platform.ts";

export const sessionDoor = (url: string): Door => ({
  name: "session",
  can: ["put", "overwrite", "get", "getSerializable", "cas", "list", "keepAlive"],
  open: async () => connect(new Session({ url, platform: SOCKET_PLATFORM })),
});

const bytes = (text: string): Bytes => Uint8Array.from(Buffer.from(text, "latin1"));

type ResultOf<Kind extends SessionResult["kind"]> = Extract<SessionResult, { kind: Kind }>;
type Told<Kind extends SessionResult["kind"]> = ResultOf<Kind> & { readonly revision: number };

function connect(session: Session): Connection {
  const ask = async <Kind extends SessionResult["kind"]>(
    kind: Kind,
    request: SessionRequest,
  ): Promise<Told<Kind>> => {
    const { header, result } = await session.ask(request);
    expectThat(result.kind === kind, kind);
    return { ...(result as ResultOf<Kind>), revision: header.revision };
  };
  const range = async (request: RangeRequest, serializable = false): Promise<number> =>
    (await ask("range", { kind: "range", request, serializable })).answer.kvs.length;
  return {
    put: async (key, value) => {
      await ask("put", putOf(key, value));
    },
    get: async (key) => expectThat((await range(rangeOfKey(bytes(key)))) === 1, "one key"),
    getSerializable: async (key) =>
      expectThat((await range(rangeOfKey(bytes(key)), true)) === 1, "one key"),
    cas: async (key, value, expected) => {
      const compare = { key: bytes(key), rangeEnd: EMPTY, result: "equal", target: "mod" } as const;
      const request = {
        compare: [{ ...compare, operand: expected }],
        success: [putOf(key, value)],
        failure: [],
      };
      const { answer, revision } = await ask("txn", { kind: "txn", request });
      expectThat(answer.succeeded, "a comparison that holds");
      return revision;
    },
    list: (prefix) => range({ ...rangeOfKey(bytes(prefix)), rangeEnd: bytes(endOfPrefix(prefix)) }),
    grant: async (lease, ttlSeconds) => {
      await ask("leaseGrant", { kind: "leaseGrant", id: asLeaseId(lease), ttlSeconds });
    },
    keepAlive: async (lease) => {
      const { answer } = await ask("leaseKeepAlive", {
        kind: "leaseKeepAlive",
        id: asLeaseId(lease),
      });
      expectThat(answer.ttlSeconds > 0, "a lease that lives");
    },
    close: async () => session.close(),
  };
}

const putOf = (key: string, value: string): Extract<SessionRequest, { kind: "put" }> => ({
  kind: "put",
  request: {
    key: bytes(key),
    value: bytes(value),
    lease: NO_LEASE,
    prevKv: false,
    ignoreValue: false,
    ignoreLease: false,
  },
});
