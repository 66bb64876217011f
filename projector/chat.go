package projector

import (
	"context"

	"rosey/events"
	"rosey/schema"
)

// chat projects chat_messages and its full-text index.
type chat struct {
	rows bulk
	// first is the sequence of the batch's first line, 0 while there is none.
	first int64
	// unindexed counts the lines of a rebuild that full-text search does not know yet.
	unindexed int
}

func newChat() projection {
	return &chat{
		rows: bulk{
			head: "INSERT INTO chat_messages (seq, channel, time_ms, username, message, text_hash, notice, style, history, shadow) VALUES",
			cols: 10,
		},
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
	if c.first == 0 {
		c.first = int64(f.seq)
	}
	return nil
}

// searchEvery is how many lines of a rebuild are added to the full-text index at
// once. It could all be done at the end, but then on one core: here another one
// reads and decodes meanwhile. Each addition leaves a segment to be merged.
const searchEvery = 50_000

func (c *chat) flush(ctx context.Context, w *writer) error {
	c.unindexed += c.rows.rows()
	if err := c.rows.flush(ctx, w); err != nil {
		return err
	}
	first := c.first
	c.first = 0
	switch {
	case first == 0:
		return nil
	case w.loading && c.unindexed < w.searchEvery:
		return nil // schema.DB.Finish adds what is left
	case w.loading:
		c.unindexed = 0
		return w.exec(ctx, schema.FillSearch)
	}
	// One statement for all: each begins a savepoint, at which the index would
	// write what it has gathered.
	return w.exec(ctx, "INSERT INTO chat_search (rowid, message) SELECT seq, message FROM chat_messages WHERE seq >= ?", first)
}
