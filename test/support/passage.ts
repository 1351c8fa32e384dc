// Owns a way to a server that can be closed and counts who passes: what lies between a bridge and its store.

import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

export interface Passage {
  readonly url: string;
  /** Sessions that are open now. */
  readonly sessions: number;
  /** Cuts every connection; further ones are taken. */
  cut(): void;
  /** Cuts every connection, and refuses further ones until `open`. */
  close(): Promise<void>;
  open(): Promise<void>;
}

/** A passage to `port` of the loopback interface. */
export async function startPassage(port: number): Promise<Passage> {
  const pairs = new Map<Socket, { isSession: boolean }>();
  const server = createServer((client) => {
    const about = { isSession: false };
    const store = connect(port, "127.0.0.1");
    pairs.set(client, about);
    client.once("data", (head) => (about.isSession = head.includes("/v1/session ")));
    const end = (): void => {
      pairs.delete(client);
      client.destroy();
      store.destroy();
    };
    for (const socket of [client, store]) socket.on("error", end).on("close", end);
    client.pipe(store);
    store.pipe(client);
  });
  const listen = async (at: number): Promise<number> => {
    server.listen(at, "127.0.0.1");
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  };
  const cut = (): void => {
    for (const client of pairs.keys()) client.destroy();
  };
  const own = await listen(0);
  return {
    url: `http://127.0.0.1:${own}`,
    get sessions() {
      return [...pairs.values()].filter(({ isSession }) => isSession).length;
    },
    cut,
    close: async () => {
      if (!server.listening) return;
      const closed = once(server, "close");
      server.close();
      cut();
      await closed;
    },
    open: async () => void (await listen(own)),
  };
}
