// Owns the bounds of the bridge, each with its unit and its reason. It runs in a process of its own, which
// has more memory than an isolate, and less than its clients together could fill.

/** TCP connections at once: each costs some tens of kilobytes. */
export const CONNECTIONS_MAX = 10_000;

/** Calls under way on one connection. etcd has no limit; a client's watches are one call, its locks some. */
export const STREAMS_PER_CONNECTION_MAX = 10_000;

/** Users, by what they show, that have sessions at once. One more closes an idle one's, or waits in vain. */
export const USERS_MAX = 1_000;

/** Sessions for watches, of all users together: 75,000 watches, if their keys are short. */
export const WATCH_SESSIONS_MAX = 500;

/** Watches of one stream. */
export const STREAM_WATCHES_MAX = 10_000;

/** Creations of one stream that are on their way: a round trip takes so many. */
export const CREATIONS_MAX = 128;

/** Keepalives of one stream that are on their way. */
export const KEEP_ALIVES_MAX = 128;

/**
 * Bytes of answers that wait for one client's connection. Beyond, its watches are let go, and begun again
 * from where they were when half of it has been taken: what waits meanwhile is the store's history.
 */
export const STREAM_BYTES_MAX = 4_194_304;

/** The same of all clients together: beyond, each has only its share. */
export const STREAMS_BYTES_MAX = 268_435_456;
export const STREAM_BYTES_SHARE = 65_536;

/** Requests of one user on their way in a session, below what a replica takes of one. */
export const REQUESTS_MAX = 1_000;
export const REQUEST_BYTES_MAX = 6_291_456;

/** Those that wait for that. Beyond: "too many requests". */
export const REQUESTS_WAITING_MAX = 10_000;
export const REQUESTS_WAITING_BYTES_MAX = 67_108_864;
