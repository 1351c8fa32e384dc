// Owns bounds so small that a run of seconds meets them: appends of an entry or two, history read in
// bits, sessions without credit, segments of a few rows, logs that are trimmed at once.

export const SMALL_BOUNDS = {
  SEGMENT_BYTES: 600,
  APPEND_BYTES_MAX: 3,
  APPENDS_IN_FLIGHT_MAX: 4,
  APPLY_BYTES_MAX: 100,
  ANSWER_KEPT_BYTES_MAX: 300,
  IDEMPOTENCY_ROW_BYTES: 200,
  SESSION_CREDIT_BYTES: 300,
  CATCH_UP_BYTES_MAX: 150,
  DELIVERY_BYTES_MAX: 100,
  COMPACTION_SLICE_ROWS: 3,
  LEASES_PER_PAGE: 2,
  SCAN_CHUNK_ROWS: 2,
  SCAN_CHUNK_ROWS_FIRST: 1,
  LOG_ENTRIES_KEPT: 6,
  SNAPSHOT_PART_BYTES: 400,
  SNAPSHOT_PART_ROWS_MAX: 3,
  SNAPSHOT_READ_ROWS: 2,
  COMPARE_MS: 400,
  COMPARE_COMPACTED_MS: 100,
  COMPARE_PATIENCE_MS: 1_000,
} as const;
