-- Alarms and limits of the cluster: replicated, none while no entry has set any.

-- Whom an alarm is about is decimal TEXT; automatic is 1 for those that a leader has raised, and so
-- may lower.
CREATE TABLE alarm (
  member TEXT NOT NULL,
  alarm TEXT NOT NULL,
  automatic INTEGER NOT NULL,
  PRIMARY KEY (member, alarm)
) WITHOUT ROWID;

-- What the cluster is limited to; null while it is as by default.
ALTER TABLE meta ADD COLUMN limits BLOB;
