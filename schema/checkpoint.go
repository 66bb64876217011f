package schema

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Checkpoint is the last message a database has applied, and the stream and
// program it belongs to.
type Checkpoint struct {
	// Seq is the stream sequence; 0 before the first message.
	Seq uint64
	// TimeMS is when the stream stored that message, in Unix milliseconds.
	TimeMS int64
	// MsgID is its Nats-Msg-Id, empty for publishers that set none.
	MsgID string
	// StreamID is the identity of the stream, StreamCreatedMS when it was made.
	StreamID        string
	StreamCreatedMS int64
	// Fingerprint identifies tables, projections and decoder.
	Fingerprint string
	// DefaultChannel stands in for publishers that name no channel.
	DefaultChannel string
}

// Queryer is what reading needs: a database or a transaction.
type Queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Execer is what writing needs.
type Execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// ReadCheckpoint returns the zero Checkpoint for a database that has applied
// nothing yet.
func ReadCheckpoint(ctx context.Context, q Queryer) (Checkpoint, error) {
	var c Checkpoint
	err := q.QueryRowContext(ctx, `SELECT seq, stream_time_ms, msg_id, stream_id, stream_created_ms, fingerprint, default_channel
		FROM projection_state WHERE id = 1`).
		Scan(&c.Seq, &c.TimeMS, &c.MsgID, &c.StreamID, &c.StreamCreatedMS, &c.Fingerprint, &c.DefaultChannel)
	if errors.Is(err, sql.ErrNoRows) {
		return Checkpoint{}, nil
	}
	if err != nil {
		return Checkpoint{}, fmt.Errorf("schema: read checkpoint: %w", err)
	}
	return c, nil
}

// WriteCheckpoint stores the checkpoint; it belongs into the transaction that
// writes the rows.
func WriteCheckpoint(ctx context.Context, x Execer, c Checkpoint) error {
	_, err := x.ExecContext(ctx, `INSERT INTO projection_state
		(id, seq, stream_time_ms, msg_id, stream_id, stream_created_ms, fingerprint, default_channel)
		VALUES (1, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, stream_time_ms = excluded.stream_time_ms, msg_id = excluded.msg_id,
		stream_id = excluded.stream_id, stream_created_ms = excluded.stream_created_ms, fingerprint = excluded.fingerprint,
		default_channel = excluded.default_channel`,
		int64(c.Seq), c.TimeMS, c.MsgID, c.StreamID, c.StreamCreatedMS, c.Fingerprint, c.DefaultChannel)
	if err != nil {
		return fmt.Errorf("schema: write checkpoint %d: %w", c.Seq, err)
	}
	return nil
}
