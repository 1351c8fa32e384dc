// Owns the WebSockets of all clients here: `ws`, which leaves the client more of its core than Node's
// own, and is the same for all systems.

import { WebSocket } from "ws";
import { WEB_PLATFORM, type ClientPlatform } from "../../../src/client/platform.ts";

export const SOCKET_PLATFORM: ClientPlatform = {
  ...WEB_PLATFORM,
  connect: (url, protocols) => new WebSocket(url, [...protocols], { perMessageDeflate: false }),
};
