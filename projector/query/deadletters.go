package query

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"rosey/schema"
)

// DeadLetter is an event that could not be applied. Its payload, which may hold
// what somebody said, comes with ShowDeadLetter alone.
type DeadLetter struct {
	Seq          uint64 `json:"seq"`
	Subject      string `json:"subject"`
	MsgID        string `json:"msg_id"`
	StreamTimeMS int64  `json:"stream_time_ms"`
	Class        string `json:"reason_class"`
	Reason       string `json:"reason"`
}

// DeadLetterPage is a part of the table dead_letters, the oldest first.
type DeadLetterPage struct {
	// Count is how many there are altogether; OldestSeq and OldestMS name the first
	// of all, null where there is none.
	Count     int64   `json:"count"`
	OldestSeq *uint64 `json:"oldest_seq"`
	OldestMS  *int64  `json:"oldest_ms"`

	DeadLetters []DeadLetter `json:"dead_letters"`
}

const deadLetterColumns = "seq, subject, msg_id, stream_time_ms, reason_class, reason"

func scanDeadLetter(r *sql.Rows, d *DeadLetter) error {
	return r.Scan(&d.Seq, &d.Subject, &d.MsgID, &d.StreamTimeMS, &d.Class, &d.Reason)
}

// DeadLetters lists dead letters after a sequence.
func DeadLetters(ctx context.Context, q schema.Queryer, after uint64, limit int) (DeadLetterPage, error) {
	var p DeadLetterPage
	err := q.QueryRowContext(ctx, "SELECT count(*), min(seq), min(stream_time_ms) FROM dead_letters").Scan(&p.Count, &p.OldestSeq, &p.OldestMS)
	if err != nil {
		return p, fmt.Errorf("query: dead letters: %w", err)
	}
	p.DeadLetters, err = collect(ctx, q, "dead letters", scanDeadLetter,
		"SELECT "+deadLetterColumns+" FROM dead_letters WHERE seq > ? ORDER BY seq LIMIT ?", int64(after), limited(limit))
	return p, err
}

// ShowDeadLetter returns one dead letter with its payload. The error is
// ErrNotFound.
func ShowDeadLetter(ctx context.Context, q schema.Queryer, seq uint64) (DeadLetter, []byte, error) {
	var d DeadLetter
	var payload []byte
	err := q.QueryRowContext(ctx, "SELECT "+deadLetterColumns+", payload FROM dead_letters WHERE seq = ?", int64(seq)).
		Scan(&d.Seq, &d.Subject, &d.MsgID, &d.StreamTimeMS, &d.Class, &d.Reason, &payload)
	if errors.Is(err, sql.ErrNoRows) {
		return d, nil, &NotFoundError{What: "dead letter", Name: fmt.Sprintf("seq=%d", seq)}
	}
	if err != nil {
		return d, nil, fmt.Errorf("query: dead letter seq=%d: %w", seq, err)
	}
	return d, payload, nil
}
