-- A version that a plain put replaces stays in the history row of the batch that replaced it (column
-- `replaced` of the tables rev_<number>), which costs no row of its own. A trail is how it is found
-- there: the revisions of some of the changes that led to a version, enough to reach all others by
-- few steps. Null where the version before, if there was one, stands in `old`.
ALTER TABLE now ADD COLUMN trail BLOB;
ALTER TABLE old ADD COLUMN trail BLOB;
