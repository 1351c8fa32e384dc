// Owns telling HTTP/2 from HTTP/1 on one port, by the first bytes of a connection: a client of HTTP/2 opens
// with "PRI", which is no method of HTTP/1.

import type { Socket } from "node:net";
import { CONNECTIONS_MAX } from "./bounds.ts";

const PREFACE = Buffer.from("PRI ");

/** A client that has not said this much after so long will not say anything. */
const SILENCE_MS_MAX = 120_000;

export interface Doors {
  readonly http2: (socket: Socket) => void;
  readonly http1: (socket: Socket) => void;
}

export interface Sorter {
  readonly take: (socket: Socket) => void;
  /** Ends every connection that was taken. */
  destroy(): void;
}

export function sortByProtocol(doors: Doors): Sorter {
  const sockets = new Set<Socket>();
  const take = (socket: Socket): void => {
    if (sockets.size >= CONNECTIONS_MAX) return void socket.destroy();
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    // Whoever gets the socket listens too; before, a broken connection must not end the process.
    socket.on("error", () => {});
    socket.setTimeout(SILENCE_MS_MAX, () => socket.destroy());
    const look = (): void => {
      const head = socket.read(PREFACE.length) as Buffer | null;
      if (head === null) {
        if (socket.readableEnded || socket.destroyed) socket.destroy();
        else socket.once("readable", look);
        return;
      }
      socket.setTimeout(0);
      socket.removeAllListeners("timeout");
      socket.unshift(head);
      (head.equals(PREFACE) ? doors.http2 : doors.http1)(socket);
    };
    socket.once("readable", look);
  };
  return {
    take,
    destroy: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}
