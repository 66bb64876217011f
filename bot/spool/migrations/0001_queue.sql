-- The queue. Rows leave it from the front, once the stream has them.
CREATE TABLE events (
  id       INTEGER PRIMARY KEY,
  producer TEXT    NOT NULL,
  seq      INTEGER NOT NULL,
  kind     TEXT    NOT NULL,
  subject  TEXT    NOT NULL,
  at_ms    INTEGER NOT NULL,
  bytes    INTEGER NOT NULL,
  data     BLOB    NOT NULL
);

-- One row for each run, with the last sequence it committed here. It outlives
-- the run's events.
CREATE TABLE producers (
  run        INTEGER PRIMARY KEY,
  producer   TEXT    NOT NULL UNIQUE,
  started_ms INTEGER NOT NULL,
  last_seq   INTEGER NOT NULL
);

-- What is known of the stream: its identity and the sequence of the last
-- acknowledgement. An unrecorded one can only be later.
CREATE TABLE drain (
  one             INTEGER PRIMARY KEY CHECK (one = 1),
  stream_id       TEXT    NOT NULL,
  last_stream_seq INTEGER NOT NULL
);
INSERT INTO drain VALUES (1, '', 0);

-- Events that the stream refused for good.
CREATE TABLE set_aside (
  producer TEXT    NOT NULL,
  seq      INTEGER NOT NULL,
  kind     TEXT    NOT NULL,
  subject  TEXT    NOT NULL,
  reason   TEXT    NOT NULL,
  at_ms    INTEGER NOT NULL,
  data     BLOB    NOT NULL,
  PRIMARY KEY (producer, seq)
);
