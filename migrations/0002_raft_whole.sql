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

-- A snapshot that is being received: which one, and the next part wanted. Its rows stand in tables
-- whose names begin with `next_`, made and dropped with it.
CREATE TABLE staging (
  id INTEGER PRIMARY KEY CHECK (id = 0),
  snapshot TEXT NOT NULL,
  next_part INTEGER NOT NULL
);
