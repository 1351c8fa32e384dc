-- Writes that came with an idempotency key, with their first answers: what one applied batch had of
-- them is one row. A slot is written again once all in it are forgotten, so that nothing is deleted.
-- `time` is the cluster time of its newest record.
CREATE TABLE keyed (
  slot INTEGER PRIMARY KEY,
  time INTEGER NOT NULL,
  records BLOB NOT NULL
);
