package projector

import (
	"context"
	"errors"

	"rosey/events"
	"rosey/schema"
)

// outbound projects outbound_messages: what became of what the bot was asked to
// say.
//
// Anybody may tell of an outcome, and most tell no more than the id. The latest
// one counts, but what was shown stays shown; and what it does not tell is kept
// from those before it. SQLite takes the rows of a statement one after the
// other, so that the rule holds within a batch as it does across two.
type outbound struct{ rows bulk }

const (
	outboundColumns = "channel, message_id, status, message, recipient, queued_ms, sent_ms, attempts, reason, seq"
	outboundRule    = `ON CONFLICT (channel, message_id) DO UPDATE SET
		status = excluded.status, attempts = excluded.attempts, reason = excluded.reason, seq = excluded.seq,
		message = coalesce(nullif(excluded.message, ''), message), recipient = coalesce(nullif(excluded.recipient, ''), recipient),
		queued_ms = coalesce(excluded.queued_ms, queued_ms), sent_ms = coalesce(excluded.sent_ms, sent_ms)
		WHERE status <> 'sent' OR excluded.status = 'sent'`
)

func newOutbound() projection {
	return &outbound{rows: bulk{head: "INSERT INTO outbound_messages (" + outboundColumns + ") VALUES", cols: 10, tail: outboundRule}}
}

func (o *outbound) load(context.Context, schema.Queryer) error             { return nil }
func (o *outbound) prepare(context.Context, schema.Queryer, []*fact) error { return nil }

func (o *outbound) fold(f *fact) error {
	m, ok := f.Payload.(*events.OutboundMark)
	if !ok {
		return nil
	}
	if m.MessageID <= 0 {
		return errors.New("an outcome without the id of a message")
	}
	status := "sent"
	if f.Kind == events.KindMarkFailed {
		status = m.Outcome()
	}
	o.rows.add(f.Channel, m.MessageID, status, m.Message, m.Recipient, zeroNull(m.QueuedMS), zeroNull(m.SentMS), m.Attempts, m.Reason, int64(f.seq))
	return nil
}

func zeroNull(n int64) any {
	if n == 0 {
		return nil
	}
	return n
}

func (o *outbound) flush(ctx context.Context, w *writer) error { return o.rows.flush(ctx, w) }
