// Owns WebSockets without a network: two ends in one process, each of which hears what the other says
// in a later turn. They have what our code uses of the platform's sockets.

interface SocketEvent {
  readonly data?: unknown;
  readonly code?: number;
}

type Listener = (event: SocketEvent) => void;

export class MemorySocket {
  readyState: number = WebSocket.OPEN;
  binaryType = "arraybuffer";
  #isAccepted = false;
  readonly #unheard: (() => void)[] = [];
  readonly #listeners: Record<string, Listener[]> = {};

  readonly #tell: (type: string, event: SocketEvent) => void;

  private constructor(tell: (type: string, event: SocketEvent) => void) {
    this.#tell = tell;
  }

  static pair(): [MemorySocket, MemorySocket] {
    const one: MemorySocket = new MemorySocket((type, event) => other.#hear(type, event));
    const other = new MemorySocket((type, event) => one.#hear(type, event));
    return [one, other];
  }

  accept(): void {
    this.#isAccepted = true;
    for (const hear of this.#unheard.splice(0)) hear();
  }

  addEventListener(type: string, listener: Listener): void {
    (this.#listeners[type] ??= []).push(listener);
  }

  send(message: string | ArrayBuffer | ArrayBufferView): void {
    if (this.readyState !== WebSocket.OPEN) throw new Error("the socket is closed");
    const data = typeof message === "string" ? message : bufferOf(message);
    this.#tell("message", { data });
  }

  /** As a client's socket: what is said to a server that has closed is lost. */
  sendIfOpen(message: string): void {
    if (this.readyState === WebSocket.OPEN) this.send(message);
  }

  close(code = 1005): void {
    if (this.readyState !== WebSocket.OPEN) return;
    this.readyState = WebSocket.CLOSED;
    this.#tell("close", { code });
  }

  #hear(type: string, event: SocketEvent): void {
    const hear = (): void => {
      if (type === "close") this.readyState = WebSocket.CLOSED;
      for (const listener of this.#listeners[type] ?? []) listener(event);
    };
    if (this.#isAccepted) setImmediate(hear);
    else this.#unheard.push(() => setImmediate(hear));
  }
}

function bufferOf(message: ArrayBuffer | ArrayBufferView): ArrayBuffer {
  if (message instanceof ArrayBuffer) return message.slice(0);
  const { buffer, byteOffset, byteLength } = message;
  return buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
}
