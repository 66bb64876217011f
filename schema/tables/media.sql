CREATE TABLE media_history (
  seq        INTEGER PRIMARY KEY, -- stream sequence of its start
  channel    TEXT    NOT NULL,
  started_ms INTEGER NOT NULL,
  ended_ms   INTEGER,             -- NULL while it plays
  ended_by   TEXT,                -- next, ended, unobserved
  media_type TEXT    NOT NULL,
  media_id   TEXT    NOT NULL,
  title      TEXT    NOT NULL,
  seconds    REAL    NOT NULL,    -- length; 0 for live items
  queued_by  TEXT    NOT NULL,
  resumed    INTEGER NOT NULL,    -- 1: was playing as the bot joined
  last_seq   INTEGER NOT NULL     -- last media.changed that named it
);
CREATE INDEX media_history_channel ON media_history (channel);
CREATE INDEX media_history_time ON media_history (channel, started_ms);
CREATE INDEX media_history_open ON media_history (channel) WHERE ended_ms IS NULL;
