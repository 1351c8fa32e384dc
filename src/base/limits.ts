// Owns every bound of the project, with its unit and its reason. 128 MB per isolate is shared by
// all replicas that live in it, so nothing may grow without one.

/**
 * Bytes in use from which on writes are refused, whatever the quota: the platform ends at 10 GB, and
 * deletions, compactions and alarms must go on.
 */
export const DATABASE_BYTES_MAX = 9_000_000_000;

/** The largest encoded write, as etcd's `--max-request-bytes`: 1.5 MiB. */
export const REQUEST_BYTES_MAX = 1_572_864;

/** The largest body of a client's HTTP request: etcd's gRPC receive limit, 2 MiB. */
export const BODY_BYTES_MAX = 2_097_152;

/** Operations in one branch (or compares) of a txn, as etcd's `--max-txn-ops`. */
export const TXN_OPS_MAX = 128;

/**
 * Keys that one mutation may delete. One turn must carry it whole: measured at about 10 us a key,
 * so 25,000 keys hold the object for a quarter of a second and no longer.
 */
export const MUTATION_KEYS_MAX = 25_000;

/**
 * Keys and values in one answer: an isolate has 128 MB, a call between objects carries 32 MiB, and
 * an answer exists twice on its way, the second time in base64. Larger ones are refused; lists go
 * page by page, with `limit`.
 */
export const ANSWER_BYTES_MAX = 16_777_216;

/** The same for all answers of one txn, which every replica holds while it applies. */
export const TXN_ANSWER_BYTES_MAX = 4_194_304;

/** Parameters of one SQL statement: a Durable Object's limit. */
export const SQL_PARAMETERS_MAX = 100;

/** A stored row. The platform refuses 2 MB; the rest is room for the row's other columns. */
export const ROW_BYTES_MAX = 1_900_000;

/** A table of log or history rows is closed at this size, and later dropped whole, for no rows. */
export const SEGMENT_BYTES = 4_194_304;

/** Bytes of entries in one append: a round trip carries them, and a follower's turn stores them. */
export const APPEND_BYTES_MAX = 1_048_576;

/** Appends under way to one follower before the leader waits for an answer. */
export const APPENDS_IN_FLIGHT_MAX = 16;

/** Calls under way to one peer: appends in flight, and room for heartbeats and votes. */
export const PEER_CALLS_MAX = 32;

/** Bytes of committed entries applied in one turn, so that a turn stays in the milliseconds. */
export const APPLY_BYTES_MAX = 1_048_576;

/**
 * Committed entries that a follower applies before it answers the append that told of them: a fraction of
 * a millisecond. With more its leader, and the clients there, would wait for what they have no need of.
 */
export const APPLIED_BEFORE_ANSWER_MAX = 16;

/** Proposals that wait for the batch before theirs. Beyond it: "too many requests". */
export const PROPOSALS_WAITING_MAX = 4_096;

/** Bytes of those proposals: they live in memory, of which an isolate has 128 MB. */
export const PROPOSALS_WAITING_BYTES_MAX = 16_777_216;

/** Entries appended and not yet applied, as etcd's gap of 5,000 between commit and apply. */
export const ENTRIES_UNAPPLIED_MAX = 5_000;

/** Reads that wait for a quorum's confirmation. Beyond it: "too many requests". */
export const READS_WAITING_MAX = 4_096;

/** How long an applied request id is remembered, in milliseconds of cluster time. */
export const REQUEST_WINDOW_MS = 60_000;

/**
 * A router's call that comes in so long after its request began is not looked at; ms, by both machines'
 * clocks. A repeat of it may have been applied at once: within the window less this it is known still,
 * and the rest is for clocks that differ.
 */
export const CALL_LATE_MS = 45_000;

/** Request ids remembered at once: about 20 MB. Beyond it writes are refused, none is forgotten. */
export const REQUEST_WINDOW_MAX = 200_000;

/** How long a write is remembered by its idempotency key, in milliseconds of cluster time: 10 min. */
export const IDEMPOTENCY_WINDOW_MS = 600_000;

/** Characters of an idempotency key: enough for any id and a name before it. */
export const IDEMPOTENCY_KEY_LENGTH_MAX = 255;

/**
 * Keys remembered at once, about 15 MB of memory: 166 keyed writes a second for as long as they are
 * remembered. Beyond it keyed writes are refused, none is forgotten.
 */
export const IDEMPOTENCY_KEYS_MAX = 100_000;

/**
 * The same in bytes of keys and first answers, in the database and, for a moment, in memory: they are
 * copied whole into snapshots. One write may go beyond, by the answer that is kept of it.
 */
export const IDEMPOTENCY_BYTES_MAX = 16_777_216;

/**
 * Keyed writes are added to a row up to this size: a page of the database, which is written whole
 * anyway. So a start reads a thousand rows at most, and not one for each write.
 */
export const IDEMPOTENCY_ROW_BYTES = 4_096;

/** An answer larger than this is not kept for a repeat of its request; its revision is. */
export const ANSWER_KEPT_BYTES_MAX = 65_536;

/**
 * Answers kept of one applied batch, since small requests may have large answers. Which are kept may
 * differ between replicas, for nothing but the answer to a repeat depends on it.
 */
export const BATCH_ANSWERS_KEPT_BYTES_MAX = 4_194_304;

/** Bytes on the way to one session and not acknowledged before delivery pauses. */
export const SESSION_CREDIT_BYTES = 1_048_576;

/** Unacknowledged bytes at which a session is closed: its receiver must resume. */
export const SESSION_UNACKNOWLEDGED_BYTES_MAX = 4_194_304;

/** Requests of a client's session that are not answered. Beyond it: "too many requests". */
export const SESSION_REQUESTS_MAX = 1_024;

/** Bytes of those requests, as they came: they live in memory until they are answered. */
export const SESSION_REQUEST_BYTES_MAX = 8_388_608;

/** The same of all sessions of a replica, of the 128 MB of an isolate. */
export const SESSIONS_REQUEST_BYTES_MAX = 33_554_432;

/**
 * Bytes of answers on the way to one client that it has not said to have taken: beyond it none of its
 * requests is begun, and none of its reads answered. One answer may be larger by itself.
 */
export const SESSION_ANSWER_CREDIT_BYTES = 1_048_576;

/** What an answer costs of that besides its bytes: its frame, and its place in memory. */
export const ANSWER_OVERHEAD_BYTES = 16;

/**
 * Writes of one session under way that may have large answers (what was there before, what a txn has
 * read): they have happened when it turns out how large, so they cannot wait for credit then.
 */
export const SESSION_HEAVY_WRITES_MAX = 32;

/** Requests turned away since a client last took anything: whoever goes on reads no answers. */
export const SESSION_TURNED_AWAY_MAX = 4_096;

/** One message of a client: the largest request, several to a message, and room. */
export const SESSION_MESSAGE_BYTES_MAX = 4_194_304;

/** Frames of one message: each becomes an object, however few bytes it has. */
export const SESSION_MESSAGE_FRAMES_MAX = 4_096;

/**
 * The longest that a replica waits for the outcome of a client's request; ms. Well below the window
 * in which repeats are known (REQUEST_WINDOW_MS), so that a client can repeat until the end.
 */
export const SESSION_TIMEOUT_MS_MAX = 30_000;

/** Characters of what a socket keeps of its client's identity: the platform allows a tag 256. */
export const IDENTITY_CHARACTERS_MAX = 256;

/** Watches of one session: their specifications must fit the socket's 16 kB attachment. */
export const SESSION_WATCHES_MAX = 150;

/** Bytes of a socket's attachment that specifications may fill (the platform allows 16,384). */
export const ATTACHMENT_BYTES_MAX = 15_000;

/** Sessions of one replica: the platform allows 32,768 hibernatable sockets. */
export const SESSIONS_MAX = 10_000;

/** History read for one lagging watcher in one turn. */
export const CATCH_UP_BYTES_MAX = 262_144;

/** Events of one delivery frame, so that a session's credit is spent in small steps. */
export const DELIVERY_BYTES_MAX = 262_144;

/** Hashes of the history under way at once: each holds every sweep up, and some memory per key. */
export const HASHES_MAX = 4;

/** What automatic compaction lets gather beyond its retention, in ms, as etcd: an hour's writes. */
export const AUTO_COMPACTION_MS_MAX = 3_600_000;

/** By revisions it compacts as soon as so many ms after there is anything to compact, as etcd. */
export const REVISION_COMPACTION_MS = 300_000;

/** Rows of superseded versions that one slice of compaction looks at: a few milliseconds. */
export const COMPACTION_SLICE_ROWS = 500;

/** Between two slices of compaction, so that requests come first: at most a third of the time. */
export const SWEEP_PAUSE_MS = 5;

/** Records of one part of a snapshot: one call carries it, one turn makes it, another stores it. */
export const SNAPSHOT_PART_BYTES = 524_288;

/**
 * Rows that one part looks at, most of which its receiver inserts one by one, at about 10 us each:
 * a turn of some 20 ms at a replica that serves nothing from them yet.
 */
export const SNAPSHOT_PART_ROWS_MAX = 2_048;

/** Rows looked at by one statement of that: sizes first, then what fits. */
export const SNAPSHOT_READ_ROWS = 256;

/** The shortest and longest lease, in seconds, as in etcd. */
export const LEASE_TTL_SECONDS_MIN = 2;
export const LEASE_TTL_SECONDS_MAX = 9_000_000_000;

/** Leases stored in one row: a grant rewrites one page of this many, about 4 kB. */
export const LEASES_PER_PAGE = 128;

/** Leases that expire in one entry. More wait for the next: expiry never holds a write for long. */
export const LEASE_EXPIRY_BATCH_MAX = 100;

/** Leases extended in one entry: 8 bytes each. */
export const LEASE_EXTENSION_BATCH_MAX = 10_000;

/** How far one sample of a leader's clock may move cluster time: a stall or a step, not a rest. */
export const CLOCK_STEP_MS_MAX = 10_000;

/** Replaced versions of a few history rows that are kept decoded, by their bytes in the rows. */
export const REPLACED_KNOWN_BYTES_MAX = 1_048_576;

/** Rows that a range scan reads at once: what it holds beyond what it returns. */
export const SCAN_CHUNK_ROWS = 256;

/**
 * Keys that a scan of the past follows through the history together, each of whose rows it reads once for
 * them: at most 4 kB each.
 */
export const SCAN_TRAILS = 2_048;

/** Rows of its first read, when nothing is known of their size. */
export const SCAN_CHUNK_ROWS_FIRST = 8;

/** Bytes of values that its further reads aim at. */
export const SCAN_CHUNK_BYTES = 1_048_576;

/** Leases whose keys are counted, by about 100 bytes each: those that were put to of late. */
export const LEASES_COUNTED_MAX = 10_000;

/** Counts of intervals kept for the next page of a list, and the longest bound of one, in bytes. */
export const COUNTS_REMEMBERED_MAX = 64;
export const COUNT_BOUND_BYTES_MAX = 1_024;

/**
 * How far ahead a timer is used, in milliseconds; beyond it the alarm. A timer holds the object in
 * memory: 2 s of 128 MB cost as much as three alarms (a row and a request each), but an alarm's
 * lateness is not ours to know.
 */
export const TIMER_MS_MAX = 2_000;

/** The same while requests are under way, which hold the object anyway: above any call's timeout. */
export const TIMER_OCCUPIED_MS_MAX = 60_000;

/**
 * How far ahead the alarm is set that backs up a timer, which is lost with the memory of the object,
 * in milliseconds. Each setting costs a row, and a lease may end so much too late after a crash.
 */
export const ALARM_BACKUP_MS = 30_000;

/** A sleeping replica with watches asks its leader this often whether it is cut off; ms. */
export const SLEEP_WATCHED_MS_MAX = 60_000;

/** The same for one without watches, whose silence misleads nobody: four times an hour. */
export const SLEEP_MS_MAX = 900_000;

/** A sleeping leader probes a peer that is away after this, then ever more seldom; ms. */
export const AWAY_PROBE_MS_MIN = 2_000;
export const AWAY_PROBE_MS_MAX = 300_000;

/** Learners at a time, as in etcd: each costs the leader a copy of everything. */
export const LEARNERS_MAX = 1;

/**
 * A member is there if it was heard from at most so long before the one that was heard from last; ms.
 * Above a long way's round trip, and below the second after which a leader sleeps without it.
 */
export const MEMBER_THERE_MS = 750;

/** Applied entries that a log keeps for peers that lag: as etcd's 5,000. Beyond: a snapshot. */
export const LOG_ENTRIES_KEPT = 5_000;

/** The same while space is scarce: 5,000 of the largest entries are more than the quota. */
export const LOG_ENTRIES_KEPT_FULL = 100;

/** A part of a snapshot without an answer for so long is sent again; ms. Above a call's deadline. */
export const SNAPSHOT_RESEND_MS = 2_000;

/** A snapshot whose receiver is silent for so long is given up, and its pin with it; ms. */
export const SNAPSHOT_PATIENCE_MS = 60_000;

/** Log entries of one call of a replica's copy, of the 32 MiB that it carries between objects. */
export const COPY_BYTES = 4_194_304;

/**
 * How far revisions leap when a cluster is rebuilt, as `etcdutl` suggests: more than any revision
 * that was told to anyone and is not in the copy.
 */
export const RECOVERY_REVISIONS = 1_000_000_000;

/** At most so far: thousands of such leaps fit below 2^53, where numbers end. */
export const RECOVERY_REVISIONS_MAX = 1_000_000_000_000;

/** Clusters of one page of the list: about 100 bytes each. */
export const CLUSTERS_PER_PAGE_MAX = 1_000;

/** Between two rounds of telling others that a cluster has ended, or began, in ms; doubled. */
export const RETIRE_PAUSE_MS_MIN = 1_000;
export const RETIRE_PAUSE_MS_MAX = 300_000;

/**
 * Calls of one isolate that wait for a lock, an election or its news: each has a session of its own,
 * about 20 kB with its socket. Beyond it: "too many requests".
 */
export const RECIPES_WAITING_MAX = 1_000;

/** Snapshots that are downloaded from one replica at once: each stops its sweep. */
export const DOWNLOADS_MAX = 2;

/** A chunk of the streamed snapshot, as etcd's. */
export const SNAPSHOT_BLOB_BYTES = 32_768;

/** A part in a snapshot file: SNAPSHOT_PART_BYTES, and at most one row more, with room. */
export const SNAPSHOT_FILE_PART_BYTES_MAX = 4_194_304;

/** A replica that is being filled from a file, and hears nothing for so long, is emptied; ms. */
export const UPLOAD_PATIENCE_MS = 600_000;

/** Replicas compare what they hold at most so often; ms. */
export const COMPARE_MS = 600_000;

/** The same when the store was compacted since: as etcd's `--compact-hash-check-time`. */
export const COMPARE_COMPACTED_MS = 60_000;

/**
 * Rows that a comparison may read for each revision made since the one before: one that reads a
 * million waits for ten thousand writes, so that few writes do not bring about much reading.
 */
export const COMPARE_ROWS_PER_REVISION = 100;

/**
 * Between two slices of a comparison on a replica that is busy; ms. A slice takes 3 ms, so a comparison
 * of a million rows is 200 s long then, and 15 s where nothing else is done.
 */
export const COMPARE_PAUSE_MS_MAX = 100;

/**
 * A slice that comes so much later than it was due waits so many times as long for the next: others want
 * the thread.
 */
export const COMPARE_YIELD = 10;

/**
 * Whoever differs is judged without those who have not answered so long after the leader has its own
 * hash, and as long again as that took; ms.
 */
export const COMPARE_PATIENCE_MS = 30_000;

/** Frames of one session that wait behind a watch of which it is not known yet who wants it. */
export const SESSION_FRAMES_WAITING_MAX = 1_024;

/**
 * After a commit, followers at which somebody waits are told by the next append, or after this at the
 * latest; ms. The others are told with the next append or heartbeat.
 */
export const COMMIT_FLUSH_MS = 5;

/** The same where commits have followed one another within so long: at 50 writes a second and more. */
export const COMMIT_FLUSH_MS_BUSY = 20;

/** For how long after a read a replica that does not lead expects another; ms. */
export const AUDIENCE_MS = 10_000;

/** Frames of a client's WebSocket that wait while one is being answered: beyond it, it is closed. */
export const SOCKET_FRAMES_WAITING_MAX = 1_000;

/** Characters of those frames: they live in the router, whose isolate has 128 MB for all clients. */
export const SOCKET_WAITING_CHARACTERS_MAX = 8_388_608;

/**
 * Characters sent on a client's WebSocket since the client last said anything. The platform tells
 * nobody how much of it waits in memory, so a client that is silent for so long is taken for one
 * that does not read.
 */
export const SOCKET_UNHEARD_CHARACTERS_MAX = 33_554_432;

/** Bytes of one frame that the bridge takes of the router, which has less memory itself. */
export const BRIDGE_FRAME_BYTES_MAX = 134_217_728;
