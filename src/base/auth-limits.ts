// Owns the bounds of users, passwords and tokens, in one place, each with its unit and reason.

/** Passwords that are hashed or compared at once in one isolate: 50 ms each, of its only thread. */
export const PASSWORDS_WAITING_MAX = 64;

/** bcrypt's cost of hashes made elsewhere: one more doubles 50 ms in which an isolate does nothing else. */
export const PASSWORD_COST_MAX = 12;

/** How long a simple token holds after its last use, in ms of cluster time: etcd's 300 s. */
export const TOKEN_TTL_MS = 300_000;

/**
 * What its deadline is set further, in ms: so that one in steady use is extended, by an entry, twice
 * a minute at most. It may end so much late, and not early.
 */
export const TOKEN_SLACK_MS = 60_000;

/** Simple tokens at once: they are copied whole into snapshots. Beyond: the user with most gives way. */
export const TOKENS_MAX = 10_000;

/** How long uses of tokens are gathered for one entry that extends them; ms. */
export const TOKEN_GATHER_MS = 250;

/** Users whose permissions are kept in memory in the form in which they are checked. */
export const PERMISSIONS_KEPT_MAX = 1_000;
