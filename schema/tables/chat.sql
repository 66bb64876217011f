CREATE TABLE chat_messages (
  seq       INTEGER PRIMARY KEY, -- stream sequence
  channel   TEXT    NOT NULL,
  time_ms   INTEGER NOT NULL,    -- CyTube's own time of the line
  timestamp INTEGER GENERATED ALWAYS AS (time_ms / 1000) VIRTUAL, -- Unix seconds
  username  TEXT    NOT NULL COLLATE NOCASE,
  message   TEXT    NOT NULL,    -- plain text
  text_hash INTEGER NOT NULL,
  notice    TEXT    NOT NULL,    -- '' for people; server, voteskip
  style     TEXT    NOT NULL,    -- '', greentext, action, spoiler, shout, drink, ...
  history   INTEGER NOT NULL,    -- 1: its first copy came with the re-sent history
  shadow    INTEGER NOT NULL
);
-- needed while loading: the natural key of a line that may come again
CREATE UNIQUE INDEX chat_messages_key ON chat_messages (channel, time_ms, username, text_hash);
CREATE INDEX chat_messages_user ON chat_messages (channel, username, time_ms);

CREATE VIRTUAL TABLE chat_search USING fts5 (message, content = 'chat_messages', content_rowid = 'seq');

CREATE VIEW recent_chat AS
SELECT channel, timestamp, username, message, time_ms, seq
  FROM chat_messages
 WHERE notice = ''
   AND time_ms > (SELECT stream_time_ms FROM projection_state) - 150 * 3600 * 1000
 ORDER BY time_ms, seq;
