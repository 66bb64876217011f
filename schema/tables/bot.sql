-- What was observed: one row for each connection of each bot.
CREATE TABLE bot_sessions (
  seq              INTEGER PRIMARY KEY, -- stream sequence of bot.connected
  channel          TEXT    NOT NULL,
  producer         TEXT    NOT NULL,
  server           TEXT    NOT NULL,
  bot_name         TEXT    NOT NULL,
  connected_ms     INTEGER NOT NULL,
  joined_ms        INTEGER,
  last_observed_ms INTEGER NOT NULL,
  disconnected_ms  INTEGER, -- NULL: connected, or ended without a word
  reason           TEXT     -- why it ended; 'lost' when the next one began without a word from it
);
CREATE INDEX bot_sessions_time ON bot_sessions (channel, connected_ms);
CREATE INDEX bot_sessions_open ON bot_sessions (producer) WHERE reason IS NULL;
