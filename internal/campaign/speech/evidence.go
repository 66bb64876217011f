package speech

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"rosey/bot/cytube/cytubetest"
	"rosey/bot/outbound"
	"rosey/events"
)

// Evidence is what everybody knows at the end, when all has come to rest.
type Evidence struct {
	Asked []Asked
	// Final is what the queue holds.
	Final []outbound.Message
	// Shown is what the channel showed of the bot, and Dropped what it did not.
	Shown   []cytubetest.Shown
	Dropped cytubetest.Dropped
	// Marks are those of the stream, in its order.
	Marks []Mark
	// Rows are those of outbound_messages.
	Rows []Row
	// Deaths is how often the bot, or what it needs, was taken away. Each can make a
	// message late that was claimed just then, and leave one unknown.
	Deaths int
}

// Mark is an outcome as the stream tells it.
type Mark struct {
	Seq       uint64
	Sent      bool
	ID        int64
	State     string
	Reason    string
	Message   string
	Recipient string
	SentMS    int64
}

// Row is one of outbound_messages.
type Row struct {
	ID        int64
	Status    string
	Message   string
	Recipient string
	Reason    string
	Seq       uint64
	SentMS    int64
}

// AddExported takes a line of `rosey export events`. Those that are no marks are
// passed over.
func (e *Evidence) AddExported(line []byte) error {
	var x struct {
		Seq     uint64 `json:"seq"`
		Subject string `json:"subject"`
		Data    struct {
			MessageID int64  `json:"message_id"`
			State     string `json:"state"`
			Reason    string `json:"reason"`
			Message   string `json:"message"`
			Recipient string `json:"recipient"`
			SentMS    int64  `json:"sent_ms"`
		} `json:"data"`
	}
	if !strings.Contains(string(line), "mark_") {
		return nil
	}
	if err := json.Unmarshal(line, &x); err != nil {
		return fmt.Errorf("speech: read an exported event: %w", err)
	}
	kind, _, _ := events.ParseSubject(x.Subject)
	if kind == events.KindMarkSent || kind == events.KindMarkFailed {
		e.Marks = append(e.Marks, Mark{
			Seq: x.Seq, Sent: kind == events.KindMarkSent, ID: x.Data.MessageID, State: x.Data.State, Reason: x.Data.Reason,
			Message: x.Data.Message, Recipient: x.Data.Recipient, SentMS: x.Data.SentMS,
		})
	}
	return nil
}

// Queryer is a database that is read.
type Queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// ReadRows reads outbound_messages.
func (e *Evidence) ReadRows(ctx context.Context, db Queryer) (err error) {
	rows, err := db.QueryContext(ctx,
		"SELECT message_id, status, message, recipient, reason, seq, coalesce(sent_ms, 0) FROM outbound_messages ORDER BY channel, message_id")
	if err != nil {
		return fmt.Errorf("speech: read the outcomes: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var r Row
		if err := rows.Scan(&r.ID, &r.Status, &r.Message, &r.Recipient, &r.Reason, &r.Seq, &r.SentMS); err != nil {
			return fmt.Errorf("speech: read the outcomes: %w", err)
		}
		e.Rows = append(e.Rows, r)
	}
	return rows.Err()
}
