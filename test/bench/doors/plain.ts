// Owns the doors with raw bodies: Edgekeeper's plain API, and the bare object's, which has the same
// paths as far as it goes.

import { cannot, expectThat, type Connection, type Door, type Operation } from "./door.ts";
import { openHttp, type HttpConnection } from "./http.ts";

const OPERATIONS: readonly Operation[] = [
  "put",
  "overwrite",
  "get",
  "getSerializable",
  "cas",
  "list",
];

/** `can` says what of it is there. */
export const plainDoor = (
  name: string,
  url: string,
  can: readonly Operation[] = OPERATIONS,
): Door => ({
  name,
  can,
  open: async (clients) => connect(openHttp(url, clients)),
});

const pathOf = (key: string): string => `/v1/kv/${key}`;

function connect(http: HttpConnection): Connection {
  return {
    put: async (key, value) => {
      await http.ask({ method: "PUT", path: pathOf(key), body: value });
    },
    get: async (key) => {
      const { body } = await http.ask({ method: "GET", path: pathOf(key) });
      expectThat(body.length > 0, "a value");
    },
    // Any replica that has anything at all answers at once.
    getSerializable: async (key) => {
      const { body } = await http.ask({ method: "GET", path: `${pathOf(key)}?min_revision=1` });
      expectThat(body.length > 0, "a value");
    },
    cas: async (key, value, expected) => {
      const headers: Record<string, string> =
        expected === 0 ? { "If-None-Match": "*" } : { "If-Match": `"${expected}"` };
      const { body } = await http.ask({ method: "PUT", path: pathOf(key), headers, body: value });
      return (JSON.parse(body) as { revision: number }).revision;
    },
    list: async (prefix) => {
      const { body } = await http.ask({ method: "GET", path: `${pathOf(prefix)}?prefix` });
      return (JSON.parse(body) as { kvs: unknown[] }).kvs.length;
    },
    grant: cannot("grant"),
    keepAlive: cannot("keepAlive"),
    close: () => http.close(),
  };
}
