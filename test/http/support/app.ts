// Owns an app over played replicas, for tests of what a client sees.

import { createApp, type AppDependencies } from "../../../src/http/app.ts";
import { PLATFORM } from "../../../src/http/platform.ts";
import { FakeNetwork, leads, REGIONS } from "./fake-network.ts";

export const ORIGIN = "http://127.0.0.1:8787";

export function appTo(network: FakeNetwork, options: Partial<AppDependencies> = {}) {
  const app = createApp({
    ...PLATFORM,
    network,
    regions: REGIONS,
    token: null,
    development: true,
    ...options,
  });
  const send = async (method: string, path: string, init: RequestInit = {}): Promise<Response> =>
    app.fetch(new Request(`${ORIGIN}${path}`, { method, ...init }));
  const post = (path: string, body: string | null = "{}"): Promise<Response> =>
    send("POST", path, { body });
  return { app, send, post };
}

export const led = (): FakeNetwork => new FakeNetwork({ wnam: leads("wnam") });

export const errorOf = (code: number, message: string): object => ({
  error: message,
  code,
  message,
});
