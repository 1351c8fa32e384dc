// Owns etcd's JSON gateway as a door, which etcd and Edgekeeper both have.

import { endOfPrefix, expectThat, type Connection, type Door } from "./door.ts";
import { openHttp, type HttpConnection } from "./http.ts";

export const gatewayDoor = (url: string): Door => ({
  name: "JSON gateway",
  can: ["put", "overwrite", "get", "getSerializable", "cas", "list", "keepAlive"],
  open: async (clients) => connect(openHttp(url, clients)),
});

interface Answer {
  readonly header?: { readonly revision?: string };
  readonly kvs?: readonly unknown[];
  readonly succeeded?: boolean;
  readonly result?: { readonly TTL?: string };
}

const base64 = (text: string): string => Buffer.from(text, "latin1").toString("base64");

function connect(http: HttpConnection): Connection {
  const ask = async (method: string, message: object): Promise<Answer> => {
    const body = JSON.stringify(message);
    const answer = await http.ask({ method: "POST", path: `/v3/${method}`, body });
    return JSON.parse(answer.body) as Answer;
  };
  const get = async (message: object): Promise<void> => {
    const { kvs } = await ask("kv/range", message);
    expectThat(kvs?.length === 1, "one key");
  };
  return {
    put: async (key, value) => {
      await ask("kv/put", { key: base64(key), value: base64(value) });
    },
    get: (key) => get({ key: base64(key) }),
    getSerializable: (key) => get({ key: base64(key), serializable: true }),
    cas: async (key, value, expected) => {
      const compare = [{ key: base64(key), target: "MOD", mod_revision: `${expected}` }];
      const success = [{ request_put: { key: base64(key), value: base64(value) } }];
      const { succeeded, header } = await ask("kv/txn", { compare, success });
      expectThat(succeeded === true, "a comparison that holds");
      return Number(header?.revision);
    },
    list: async (prefix) => {
      const range = { key: base64(prefix), range_end: base64(endOfPrefix(prefix)) };
      return (await ask("kv/range", range)).kvs?.length ?? 0;
    },
    grant: async (lease, ttlSeconds) => {
      await ask("lease/grant", { ID: `${lease}`, TTL: `${ttlSeconds}` });
    },
    keepAlive: async (lease) => {
      const { result } = await ask("lease/keepalive", { ID: `${lease}` });
      expectThat(Number(result?.TTL) > 0, "a lease that lives");
    },
    close: () => http.close(),
  };
}
