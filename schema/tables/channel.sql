CREATE TABLE channel_stats (
  channel                 TEXT    PRIMARY KEY,
  max_users               INTEGER NOT NULL, -- logged in to chat
  max_users_timestamp     INTEGER NOT NULL, -- Unix seconds
  max_connected           INTEGER NOT NULL, -- all connections, anonymous ones among them
  max_connected_timestamp INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE user_count_history (
  seq             INTEGER PRIMARY KEY,
  channel         TEXT    NOT NULL,
  timestamp       INTEGER NOT NULL, -- Unix seconds
  chat_users      INTEGER NOT NULL,
  connected_users INTEGER NOT NULL
);
CREATE INDEX user_count_history_channel ON user_count_history (channel);
CREATE INDEX user_count_history_time ON user_count_history (channel, timestamp);

CREATE TABLE current_status (
  channel                 TEXT    PRIMARY KEY,
  last_updated            INTEGER NOT NULL, -- Unix seconds
  bot_name                TEXT,
  bot_rank                REAL,
  bot_afk                 INTEGER,
  channel_name            TEXT,
  current_chat_users      INTEGER,
  current_connected_users INTEGER,
  playlist_items          INTEGER,
  current_media_title     TEXT,
  current_media_duration  TEXT,
  bot_start_time          INTEGER, -- Unix seconds
  bot_connected           INTEGER,
  disconnect_reason       TEXT
) WITHOUT ROWID;
