// Owns what Node lacks of the Workers' platform: pairs of sockets, and responses that upgrade.

import { MemorySocket } from "./memory-socket.ts";

type UpgradeInit = ResponseInit & { readonly webSocket?: MemorySocket };

/** Lets `new WebSocketPair()` and `new Response(null, { status: 101, webSocket })` work. */
export function installUpgrades(): void {
  const scope = globalThis as unknown as Record<string, unknown>;
  if (scope["WebSocketPair"] !== undefined) return;
  scope["WebSocketPair"] = class {
    readonly 0: MemorySocket;
    readonly 1: MemorySocket;

    constructor() {
      [this[0], this[1]] = MemorySocket.pair();
    }
  };
  const Plain = globalThis.Response;
  scope["Response"] = class extends Plain {
    constructor(body?: string | null, init: UpgradeInit = {}) {
      const isUpgrade = init.status === 101;
      super(body, isUpgrade ? { ...init, status: 200 } : init);
      if (!isUpgrade) return;
      Object.defineProperty(this, "status", { value: 101 });
      Object.defineProperty(this, "webSocket", { value: init.webSocket });
    }
  };
}

/** The client's end of an upgrade; null when the response is none. */
export const socketOf = (response: Response): MemorySocket | null =>
  (response as unknown as { webSocket?: MemorySocket }).webSocket ?? null;
