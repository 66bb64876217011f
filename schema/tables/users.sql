CREATE TABLE user_stats (
  channel               TEXT    NOT NULL,
  username              TEXT    NOT NULL COLLATE NOCASE,
  first_seen            INTEGER NOT NULL, -- Unix seconds
  last_seen             INTEGER NOT NULL,
  total_chat_lines      INTEGER NOT NULL DEFAULT 0,
  total_time_connected  INTEGER GENERATED ALWAYS AS (connected_ms / 1000) VIRTUAL, -- seconds, finished sessions
  current_session_start INTEGER, -- Unix seconds, NULL when not present
  joins                 INTEGER NOT NULL DEFAULT 0,
  connected_ms          INTEGER NOT NULL DEFAULT 0,
  afk_ms                INTEGER NOT NULL DEFAULT 0,
  rank                  REAL,   -- last known
  PRIMARY KEY (channel, username)
) WITHOUT ROWID;

CREATE TABLE user_sessions (
  channel      TEXT    NOT NULL,
  username     TEXT    NOT NULL COLLATE NOCASE,
  opened_seq   INTEGER NOT NULL,
  started_ms   INTEGER NOT NULL,
  ended_ms     INTEGER, -- NULL while present
  opened_by    TEXT    NOT NULL, -- join, roster
  ended_by     TEXT,    -- leave, roster (missing from it), unobserved
  ended_seq    INTEGER,
  afk_finished_ms INTEGER NOT NULL, -- AFK times that ended with the user coming back
  afk_since_ms INTEGER, -- NULL when not AFK; kept when the session ends so
  afk_ms       INTEGER GENERATED ALWAYS AS (min(coalesce(max(0, ended_ms - started_ms), 9223372036854775807),
                 afk_finished_ms + coalesce(max(0, ended_ms - afk_since_ms), 0))) VIRTUAL,
  connected_ms INTEGER GENERATED ALWAYS AS (max(0, ended_ms - started_ms)) VIRTUAL, -- NULL while present
  rank         REAL    NOT NULL,
  PRIMARY KEY (channel, username, opened_seq)
) WITHOUT ROWID;
CREATE INDEX user_sessions_open ON user_sessions (channel, ended_seq);
CREATE INDEX user_sessions_time ON user_sessions (channel, started_ms);

CREATE TABLE user_actions (
  channel   TEXT    NOT NULL,
  seq       INTEGER NOT NULL,
  username  TEXT    NOT NULL COLLATE NOCASE,
  timestamp INTEGER NOT NULL, -- Unix seconds
  time_ms   INTEGER NOT NULL,
  action    TEXT    NOT NULL, -- join, leave, afk, back, rank, pm
  details   TEXT    NOT NULL,
  PRIMARY KEY (channel, seq, username, action)
) WITHOUT ROWID;
CREATE INDEX user_actions_user ON user_actions (channel, username, time_ms);
