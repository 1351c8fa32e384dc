// Owns asking by HTTP/1.1: as many connections as clients, kept alive, one request under way on each.
// All systems are asked by this one code.

import { Pool, type Dispatcher } from "undici";

export interface HttpRequest {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Dispatcher.ResponseData["headers"];
  readonly body: string;
}

export interface HttpConnection {
  /** @throws Error unless the status is of the 200s. */
  ask(request: HttpRequest): Promise<HttpAnswer>;
  close(): Promise<void>;
}

export function openHttp(url: string, clients: number): HttpConnection {
  const pool = new Pool(url, { connections: clients, pipelining: 1 });
  return {
    ask: async ({ method, path, headers, body }) => {
      const answer = await pool.request({
        method,
        path,
        headers: headers ?? null,
        body: body ?? null,
      });
      const text = await answer.body.text();
      if (answer.statusCode >= 200 && answer.statusCode < 300) {
        return { status: answer.statusCode, headers: answer.headers, body: text };
      }
      throw new Error(`${method} ${path}: ${answer.statusCode} ${text.slice(0, 200)}`);
    },
    close: () => pool.close(),
  };
}
