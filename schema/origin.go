package schema

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Origin says what a database was made of by a rebuild. It is a record of the
// file and no projection: two databases with the same rows may have been made in
// different ways, so it is part of neither the canonical dump nor the
// fingerprint. A database that was never rebuilt has none.
type Origin struct {
	// StreamID is the identity of the stream.
	StreamID string
	// FromSeq and ToSeq are the first and the last sequence of it. A projection that
	// went on with the file since has its checkpoint beyond ToSeq.
	FromSeq, ToSeq uint64
	// UntilSeq and UntilTime are the limits that were asked for, zero for none.
	UntilSeq  uint64
	UntilTime time.Time
	// Channel is the one channel that the rows are about, "" for all. With one the
	// database is not what the stream says as a whole, and nothing goes on with it.
	Channel string
	// Archive is the folder that stood in for the beginning of the stream, "" for
	// none.
	Archive string
	// Program is the version of the program that made it, and Made when.
	Program string
	Made    time.Time
}

// originTable holds one row. Its name is part of what people query.
const originTable = "database_origin"

const createOrigin = `CREATE TABLE IF NOT EXISTS ` + originTable + ` (
  id         INTEGER PRIMARY KEY CHECK (id = 1),
  stream_id  TEXT    NOT NULL, -- identity of the stream
  from_seq   INTEGER NOT NULL, -- first and last sequence that a rebuild made it of;
  to_seq     INTEGER NOT NULL, -- a projection that went on since has its checkpoint in projection_state
  until_seq  INTEGER,          -- the limits that were asked for, NULL for none
  until_time TEXT,
  channel    TEXT,             -- the one channel that it is about, NULL for all
  archive    TEXT,             -- the archive that the beginning came from, NULL for none
  program    TEXT    NOT NULL, -- version of the program
  made_at    TEXT    NOT NULL
)`

// WriteOrigin stores the record in place of the one before.
func WriteOrigin(ctx context.Context, x Execer, o Origin) error {
	if _, err := x.ExecContext(ctx, createOrigin); err != nil {
		return fmt.Errorf("schema: write origin: %w", NameFullDisk(err))
	}
	var seq any
	if o.UntilSeq > 0 {
		seq = int64(o.UntilSeq)
	}
	_, err := x.ExecContext(ctx, `INSERT OR REPLACE INTO `+originTable+`
		(id, stream_id, from_seq, to_seq, until_seq, until_time, channel, archive, program, made_at)
		VALUES (1, ?, ?, ?, ?, nullif(?, ''), nullif(?, ''), nullif(?, ''), ?, ?)`,
		o.StreamID, int64(o.FromSeq), int64(o.ToSeq), seq, timeText(o.UntilTime), o.Channel, o.Archive, o.Program, timeText(o.Made))
	if err != nil {
		return fmt.Errorf("schema: write origin: %w", NameFullDisk(err))
	}
	return nil
}

// ReadOrigin returns the zero Origin for a database that no rebuild made.
func ReadOrigin(ctx context.Context, q Queryer) (Origin, error) {
	var there int
	err := q.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = '"+originTable+"'").Scan(&there)
	if err != nil {
		return Origin{}, fmt.Errorf("schema: read origin: %w", err)
	}
	if there == 0 {
		return Origin{}, nil
	}
	var o Origin
	var until, made string
	err = q.QueryRowContext(ctx, `SELECT stream_id, from_seq, to_seq, coalesce(until_seq, 0), coalesce(until_time, ''),
		coalesce(channel, ''), coalesce(archive, ''), program, made_at FROM `+originTable+` WHERE id = 1`).
		Scan(&o.StreamID, &o.FromSeq, &o.ToSeq, &o.UntilSeq, &until, &o.Channel, &o.Archive, &o.Program, &made)
	if errors.Is(err, sql.ErrNoRows) {
		return Origin{}, nil
	}
	if err == nil {
		o.UntilTime, err = parseTime(until)
	}
	if err == nil {
		o.Made, err = parseTime(made)
	}
	if err != nil {
		return Origin{}, fmt.Errorf("schema: read origin: %w", err)
	}
	return o, nil
}

func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func parseTime(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	return time.Parse(time.RFC3339Nano, text)
}
