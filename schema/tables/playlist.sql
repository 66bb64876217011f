CREATE TABLE playlist_items (
  channel    TEXT    NOT NULL,
  uid        INTEGER NOT NULL, -- CyTube's; renewed whenever the channel is loaded
  sort_key   INTEGER NOT NULL,
  media_type TEXT    NOT NULL,
  media_id   TEXT    NOT NULL,
  title      TEXT    NOT NULL,
  seconds    REAL    NOT NULL,
  temp       INTEGER NOT NULL,
  queued_by  TEXT    NOT NULL,
  PRIMARY KEY (channel, uid)
) WITHOUT ROWID;

CREATE TABLE playlist_state (
  channel TEXT    PRIMARY KEY,
  current INTEGER, -- uid of the item that plays
  locked  INTEGER
) WITHOUT ROWID;

CREATE VIEW playlist AS
SELECT channel, ROW_NUMBER() OVER (PARTITION BY channel ORDER BY sort_key) AS position,
       uid, media_type, media_id, title, seconds, temp, queued_by,
       uid IS (SELECT current FROM playlist_state s WHERE s.channel = i.channel) AS playing
  FROM playlist_items i;
