// Owns what a replica believes of a client's socket that the Worker passes on. Objects are reached
// through the Worker alone, which makes the request for it anew: nothing in it is the client's.

import { IDENTITY_HEADER, parseIdentity, type SessionIdentity } from "../api/session-identity.ts";
import { present } from "../base/assert.ts";

/** @throws InvariantError and CodecError when the Worker did not say whose it is. */
export const identityOf = (request: Request): SessionIdentity =>
  parseIdentity(present(request.headers.get(IDENTITY_HEADER), "the Worker says whose a socket is"));
