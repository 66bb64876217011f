package projector

import (
	"context"

	"rosey/events"
	"rosey/schema"
)

// chat projects chat_messages and its full-text index.
type chat struct {
	rows  bulk
	words bulk
}

func newChat() projection {
	return &chat{
		rows: bulk{
			head: "INSERT INTO chat_messages (seq, channel, time_ms, username, message, text_hash, notice, style, history, shadow) VALUES",
			cols: 10,
		},
		words: bulk{head: "INSERT INTO chat_search (rowid, message) VALUES", cols: 2},
	}
}

func (c *chat) load(context.Context, schema.Queryer) error             { return nil }
func (c *chat) prepare(context.Context, schema.Queryer, []*fact) error { return nil }

func (c *chat) fold(f *fact) error {
	m, ok := f.Payload.(*events.MessageLog)
	if !ok || !f.fresh {
		return nil
	}
	c.rows.add(int64(f.seq), f.Channel, f.TimeMS, m.Username, m.Message, keyOf(f, m).hash, m.Notice, m.Style,
		boolean(m.History), boolean(m.Shadow))
	c.words.add(int64(f.seq), m.Message)
	return nil
}

func (c *chat) flush(ctx context.Context, w *writer) error {
	if err := c.rows.flush(ctx, w); err != nil {
		return err
	}
	if w.loading {
		c.words.args = c.words.args[:0]
		return nil
	}
	return c.words.flush(ctx, w)
}
