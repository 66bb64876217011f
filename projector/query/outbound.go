package query

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"rosey/schema"
)

// OutboundOptions narrows the history of what the bot was asked to say.
type OutboundOptions struct {
	// Channel and Status narrow it; empty means all.
	Channel string
	// Status is one of OutboundStatuses.
	Status string
	// Before leaves out this sequence and later ones.
	Before int64
	// Limit is how many messages. Default DefaultLimit, at most MaxLimit.
	Limit int
}

// OutboundPage is a page of outbound_messages, the newest outcome first.
type OutboundPage struct {
	Messages []OutboundMessage `json:"messages"`
	// Before is the key of the next, older page, 0 at the end.
	Before int64 `json:"before"`
}

// OutboundMessage is what became of one message. A message that still waits is
// in the queue, not in the tables.
type OutboundMessage struct {
	Channel   string `json:"channel"`
	MessageID int64  `json:"message_id"`
	Status    string `json:"status"`
	Message   string `json:"message"`
	Recipient string `json:"recipient"`
	// QueuedMS and SentMS are nil where nobody told.
	QueuedMS *int64 `json:"queued_ms"`
	SentMS   *int64 `json:"sent_ms"`
	Attempts int64  `json:"attempts"`
	Reason   string `json:"reason"`
	Seq      int64  `json:"seq"`
}

// OutboundStatuses are the outcomes a message can have in the tables.
var OutboundStatuses = []string{"sent", "failed", "abandoned", "unknown"}

// OutboundHistory returns what became of messages. The error is ErrInvalid for a
// status that is none.
func OutboundHistory(ctx context.Context, q schema.Queryer, o OutboundOptions) (OutboundPage, error) {
	where, args := "seq < ?", []any{older(o.Before)}
	if o.Channel != "" {
		where, args = where+" AND channel = ?", append(args, o.Channel)
	}
	if o.Status != "" {
		if !slices.Contains(OutboundStatuses, o.Status) {
			return OutboundPage{}, fmt.Errorf("query: status %q: %w: say %s", o.Status, ErrInvalid, strings.Join(OutboundStatuses, ", "))
		}
		where, args = where+" AND status = ?", append(args, o.Status)
	}
	var p OutboundPage
	var err error
	p.Messages, err = collect(ctx, q, "outbound_messages", func(r *sql.Rows, m *OutboundMessage) error {
		return r.Scan(&m.Channel, &m.MessageID, &m.Status, &m.Message, &m.Recipient, &m.QueuedMS, &m.SentMS, &m.Attempts, &m.Reason, &m.Seq)
	}, "SELECT channel, message_id, status, message, recipient, queued_ms, sent_ms, attempts, reason, seq FROM outbound_messages WHERE "+
		where+" ORDER BY seq DESC LIMIT ?", append(args, limited(o.Limit)+1)...)
	if err != nil {
		return p, err
	}
	p.Messages, p.Before = page(p.Messages, limited(o.Limit), func(m OutboundMessage) int64 { return m.Seq })
	return p, nil
}

// CountOutbound is how many messages of a channel had each outcome.
func CountOutbound(ctx context.Context, q schema.Queryer, channel string) (map[string]int64, error) {
	counts := map[string]int64{}
	return counts, each(ctx, q, "outbound_messages", func(r *sql.Rows) error {
		var status string
		var n int64
		err := r.Scan(&status, &n)
		counts[status] = n
		return err
	}, "SELECT status, count(*) FROM outbound_messages WHERE channel = ? GROUP BY status", channel)
}
