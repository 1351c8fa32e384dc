-- When replicas last compared what they hold: the revision and the compacted revision of that, the rows
-- that it took, and this replica's own clock. Null while they never have. The replica's own.
ALTER TABLE meta ADD COLUMN compared BLOB;
