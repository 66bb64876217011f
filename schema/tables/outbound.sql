CREATE TABLE outbound_messages (
  channel    TEXT    NOT NULL,
  message_id INTEGER NOT NULL,
  status     TEXT    NOT NULL, -- sent, failed, abandoned, unknown
  message    TEXT    NOT NULL,
  recipient  TEXT    NOT NULL, -- '' for a public line
  queued_ms  INTEGER,          -- the row is about the message of this id that was queued last
  sent_ms    INTEGER,
  attempts   INTEGER NOT NULL,
  reason     TEXT    NOT NULL,
  seq        INTEGER NOT NULL, -- of the outcome that counts
  PRIMARY KEY (channel, message_id)
) WITHOUT ROWID;

CREATE INDEX outbound_messages_by_seq ON outbound_messages (channel, seq);
