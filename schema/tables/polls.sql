CREATE TABLE polls (
  channel     TEXT    NOT NULL,
  opened_ms   INTEGER NOT NULL, -- CyTube's own time; with the initiator it names a poll
  initiator   TEXT    NOT NULL COLLATE NOCASE,
  title       TEXT    NOT NULL,
  options     TEXT    NOT NULL, -- JSON array of text
  counts      TEXT    NOT NULL, -- JSON array as told: numbers, or '?' in a hidden poll
  closed_ms   INTEGER,          -- NULL while open
  closed_by   TEXT,             -- closed, replaced, unobserved
  first_seq   INTEGER NOT NULL,
  last_seq    INTEGER NOT NULL,
  PRIMARY KEY (channel, opened_ms, initiator)
) WITHOUT ROWID;
