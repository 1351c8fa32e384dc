-- The database of one replica. Rows are what the platform bills, so the layout is made for few:
-- a put that creates a key writes 3 (log, history, now), one that overwrites 4 (and old).

-- What changes rarely, in one row: birth certificate, hard state, incarnation, compaction.
CREATE TABLE meta (
  id INTEGER PRIMARY KEY CHECK (id = 0),
  -- Sent to Genesis with the request for a certificate, so that a repeat is known as one.
  birth_nonce TEXT NOT NULL,
  -- The certificate: null until Genesis has issued it. Ids are decimal TEXT, since 64 bits would be
  -- rounded as INTEGER; directory and configuration are JSON with such ids.
  cluster_id TEXT,
  member_id TEXT,
  directory TEXT,
  configuration TEXT,
  -- Raft's hard state; vote is a decimal member id or null.
  term INTEGER NOT NULL DEFAULT 0,
  vote TEXT,
  incarnation INTEGER NOT NULL DEFAULT 0,
  -- The compacted revision, and up to where superseded versions have been deleted for it.
  compacted INTEGER NOT NULL DEFAULT -1,
  swept INTEGER NOT NULL DEFAULT -1,
  -- 1 while the development lab has cut this replica off; outlives an eviction.
  isolated INTEGER NOT NULL DEFAULT 0
);

-- Tables log_<number> and rev_<number> that exist. They are made and dropped whole as the log and
-- the history move on: a dropped table costs no rows, a deleted row costs one.
CREATE TABLE segment (
  kind TEXT NOT NULL CHECK (kind IN ('log', 'rev')),
  number INTEGER NOT NULL,
  PRIMARY KEY (kind, number)
) WITHOUT ROWID;

-- Live keys: "latest" ranges are plain scans. The value stands last, so that scans of keys and
-- revisions do not read it. The lease is 8 bytes, or null for none.
CREATE TABLE now (
  key BLOB NOT NULL PRIMARY KEY,
  create_revision INTEGER NOT NULL,
  mod_revision INTEGER NOT NULL,
  version INTEGER NOT NULL,
  lease BLOB,
  value BLOB NOT NULL
) WITHOUT ROWID;

CREATE INDEX now_lease ON now (lease) WHERE lease IS NOT NULL;

-- Superseded versions, written when they are superseded: visible at R iff mod_revision <= R < until.
-- The version that an event at revision R replaced is the row (key, until = R).
CREATE TABLE old (
  key BLOB NOT NULL,
  until INTEGER NOT NULL,
  create_revision INTEGER NOT NULL,
  mod_revision INTEGER NOT NULL,
  version INTEGER NOT NULL,
  lease BLOB,
  value BLOB NOT NULL,
  PRIMARY KEY (key, until)
) WITHOUT ROWID;

-- Leases, many to a row.
CREATE TABLE lease_page (
  page INTEGER PRIMARY KEY,
  body BLOB NOT NULL
);
