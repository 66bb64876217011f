package projector

import (
	"context"
	"errors"

	"rosey/events"
	"rosey/schema"
)

// outbound projects outbound_messages: what became of what the bot was asked to
// say.
type outbound struct{ rows bulk }

func newOutbound() projection {
	const columns = "status, message, queued_ms, sent_ms, attempts, reason, seq"
	return &outbound{rows: bulk{
		head: "INSERT INTO outbound_messages (channel, message_id, " + columns + ") VALUES", cols: 9,
		tail: upsert("channel, message_id", columns),
	}}
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
		status = "failed"
	}
	o.rows.add(f.Channel, m.MessageID, status, m.Message, zeroNull(m.QueuedMS), zeroNull(m.SentMS), m.Attempts, m.Reason, int64(f.seq))
	return nil
}

func zeroNull(n int64) any {
	if n == 0 {
		return nil
	}
	return n
}

func (o *outbound) flush(ctx context.Context, w *writer) error { return o.rows.flush(ctx, w) }
