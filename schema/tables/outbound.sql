CREATE TABLE outbound_messages (
  channel    TEXT    NOT NULL,
  message_id INTEGER NOT NULL,
  status     TEXT    NOT NULL, -- sent, failed
  message    TEXT    NOT NULL,
  queued_ms  INTEGER,
  sent_ms    INTEGER,
  attempts   INTEGER NOT NULL,
  reason     TEXT    NOT NULL,
  seq        INTEGER NOT NULL,
  PRIMARY KEY (channel, message_id)
) WITHOUT ROWID;
