-- Checksums, so that damage inside a row is noticed: SQLite's own checks see its
-- structure alone. NULL in events that are older than the column.
ALTER TABLE events ADD COLUMN sum INTEGER;
ALTER TABLE producers ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;

-- The event of the last acknowledgement: what proves that the sequence beside it
-- still means the same in the stream.
ALTER TABLE drain ADD COLUMN last_event_id TEXT NOT NULL DEFAULT '';

-- The last row that was recovered from a damaged file. Each one up to it may be
-- in the stream already.
ALTER TABLE drain ADD COLUMN look_until INTEGER NOT NULL DEFAULT 0;

-- The damaged files from which everything that could be read was taken over.
CREATE TABLE recovered (
  name   TEXT PRIMARY KEY,
  at_ms  INTEGER NOT NULL,
  events INTEGER NOT NULL
);
