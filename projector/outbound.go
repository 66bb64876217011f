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
// from those before it. A key that is used again after a week leads to the same id
// again: the time of queueing tells the messages apart, and the row is all about
// the one queued last. SQLite takes the rows of a statement one after the other, so
// that the rule holds within a batch as it does across two.
type outbound struct{ rows bulk }

const (
	outboundColumns = "channel, message_id, status, message, recipient, queued_ms, sent_ms, attempts, reason, seq"
	outboundRule    = `ON CONFLICT (channel, message_id) DO UPDATE SET
		status = excluded.status, attempts = excluded.attempts, reason = excluded.reason, seq = excluded.seq,
		message = CASE WHEN excluded.message <> '' OR excluded.queued_ms > queued_ms THEN excluded.message ELSE message END,
		recipient = CASE WHEN excluded.recipient <> '' OR excluded.queued_ms > queued_ms THEN excluded.recipient ELSE recipient END,
		sent_ms = CASE WHEN excluded.sent_ms IS NOT NULL OR excluded.queued_ms > queued_ms THEN excluded.sent_ms ELSE sent_ms END,
		queued_ms = coalesce(excluded.queued_ms, queued_ms)
		WHERE excluded.queued_ms > queued_ms
			OR coalesce(excluded.queued_ms = queued_ms, TRUE) AND (status <> 'sent' OR excluded.status = 'sent')`
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
