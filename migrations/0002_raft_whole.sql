-- Log compaction, snapshots and membership.

-- Where the log begins: index and term of the last entry that was trimmed or came by snapshot, and
-- the author of that term (decimal), null when unknown; then no replica resumes leadership in it.
ALTER TABLE meta ADD COLUMN log_index INTEGER NOT NULL DEFAULT 0;
ALTER TABLE meta ADD COLUMN log_term INTEGER NOT NULL DEFAULT 0;
ALTER TABLE meta ADD COLUMN log_author TEXT;
-- The replicated membership; null while it is as the certificate says. (Column `configuration` of
-- the first migration was never used.)
ALTER TABLE meta ADD COLUMN membership BLOB;
-- The replicated cluster version: what entries may mean.
ALTER TABLE meta ADD COLUMN cluster_version INTEGER NOT NULL DEFAULT 1;
-- Up to where it may be raised; null without a limit.
ALTER TABLE meta ADD COLUMN version_cap INTEGER;
-- 1 once this replica has learnt that it was removed: it is silent for ever.
ALTER TABLE meta ADD COLUMN removed INTEGER NOT NULL DEFAULT 0;

-- Which change of its revision made a version: the sub-revision, 0 unless a txn made several. For
-- the history hash only, whose order it is; so it may stand behind the value.
ALTER TABLE now ADD COLUMN sub INTEGER NOT NULL DEFAULT 0;
ALTER TABLE old ADD COLUMN sub INTEGER NOT NULL DEFAULT 0;

-- A snapshot that is being received: which one, the next part wanted and the cursor it begins at
-- (null once nothing is wanted), the tables of history so far and the bytes of the newest. Its rows
-- stand in tables whose names begin with `next_`, made and dropped with it. A migration that changes
-- one of the tables they replace must end it: `dropStaging`.
CREATE TABLE staging (
  id INTEGER PRIMARY KEY CHECK (id = 0),
  snapshot TEXT NOT NULL,
  next_part INTEGER NOT NULL,
  cursor BLOB,
  history INTEGER NOT NULL,
  history_bytes INTEGER NOT NULL
);
