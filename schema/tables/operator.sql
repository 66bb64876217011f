-- What operators decided: they are events, so that a rebuild knows of them.
CREATE TABLE operator_decisions (
  seq            INTEGER PRIMARY KEY,
  kind           TEXT    NOT NULL, -- gap_accepted, stream_adopted
  time_ms        INTEGER NOT NULL,
  first_seq      INTEGER, -- gap_accepted: the sequences given up
  last_seq       INTEGER,
  checkpoint_seq INTEGER NOT NULL, -- of the database it was decided for
  stream_id      TEXT,    -- stream_adopted: the stream that goes on,
  previous_id    TEXT,    -- the one it is a copy of,
  msg_id         TEXT     -- and the message at the checkpoint, which both hold
);
