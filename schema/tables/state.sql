-- Where the projection stands. One row.
CREATE TABLE projection_state (
  id                INTEGER PRIMARY KEY CHECK (id = 1),
  seq               INTEGER NOT NULL, -- the checkpoint: last stream sequence applied
  stream_time_ms    INTEGER NOT NULL, -- when the stream stored that message
  msg_id            TEXT    NOT NULL, -- its Nats-Msg-Id
  stream_id         TEXT    NOT NULL, -- identity of the stream
  stream_created_ms INTEGER NOT NULL,
  fingerprint       TEXT    NOT NULL, -- of tables, projections, decoder, default channel
  default_channel   TEXT    NOT NULL
);

-- Every producer's gap-free numbering: what came, what is missing.
CREATE TABLE producer_positions (
  producer        TEXT    PRIMARY KEY,
  channel         TEXT    NOT NULL,
  first_seq       INTEGER NOT NULL, -- lowest sequence applied
  last_seq        INTEGER NOT NULL, -- highest sequence applied
  events          INTEGER NOT NULL, -- applied, duplicates not among them
  duplicates      INTEGER NOT NULL,
  gaps            TEXT    NOT NULL, -- JSON [[from,to],...] missing below last_seq
  first_ms        INTEGER NOT NULL, -- times of its earliest and latest event
  last_ms         INTEGER NOT NULL,
  previous        TEXT    NOT NULL, -- the producer before it on the same spool, or 'unknown'
  previous_seq    INTEGER NOT NULL  -- last sequence that one had spooled
) WITHOUT ROWID;

-- Who leads the recording of a channel, and whether it is observed.
CREATE TABLE channel_observation (
  channel          TEXT    PRIMARY KEY,
  leader           TEXT    NOT NULL, -- the producer that leads
  term             INTEGER NOT NULL, -- the greatest term of a lease so far
  leased           INTEGER NOT NULL, -- 1: the leader holds a lease
  since_ms         INTEGER NOT NULL, -- when it said so
  ended            INTEGER NOT NULL, -- 1: it has stopped, or its successor has started
  successor        TEXT    NOT NULL, -- the next producer on the same spool
  observing        INTEGER NOT NULL,
  last_observed_ms INTEGER NOT NULL,
  suspended_seq    INTEGER NOT NULL, -- event that ended the observation, until a roster resumes it
  suspended_ms     INTEGER NOT NULL, -- last moment observed before it
  connected_seq    INTEGER NOT NULL  -- last bot.connected
) WITHOUT ROWID;

-- Events that cannot be applied. Nothing else is lost on their account.
CREATE TABLE dead_letters (
  seq            INTEGER PRIMARY KEY,
  subject        TEXT    NOT NULL,
  msg_id         TEXT    NOT NULL,
  stream_time_ms INTEGER NOT NULL,
  reason_class   TEXT    NOT NULL, -- subject, decode, fold, parts
  reason         TEXT    NOT NULL,
  payload        BLOB    NOT NULL
);

-- Parts of events too large for one message, until the last one has come.
CREATE TABLE event_parts (
  of      TEXT    NOT NULL,
  part    INTEGER NOT NULL,
  parts   INTEGER NOT NULL,
  kind    TEXT    NOT NULL,
  seq     INTEGER NOT NULL,
  data    TEXT    NOT NULL,
  PRIMARY KEY (of, part)
) WITHOUT ROWID;

-- Messages erased from the stream before they were applied.
CREATE TABLE stream_holes (
  first_seq INTEGER PRIMARY KEY,
  last_seq  INTEGER NOT NULL
);
