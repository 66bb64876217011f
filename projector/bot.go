package projector

import (
	"context"
	"database/sql"

	"rosey/events"
	"rosey/schema"
)

// bot projects bot_sessions: what was observed, by whom, from when to when.
type bot struct {
	open    map[string]*coverage // by producer
	touched []*coverage
}

type coverage struct {
	seq         uint64
	channel     string
	producer    string
	server      string
	botName     string
	connectedMS int64
	joinedMS    *int64
	lastMS      int64
	endMS       *int64
	reason      *string
	dirty       bool
}

// reasonLost is the end of a connection that nobody told of.
const reasonLost = "lost"

func newBot() projection { return &bot{open: map[string]*coverage{}} }

func (b *bot) load(ctx context.Context, q schema.Queryer) error {
	return each(ctx, q, func(r *sql.Rows) error {
		var c coverage
		var joined sql.NullInt64
		if err := r.Scan(&c.seq, &c.channel, &c.producer, &c.server, &c.botName, &c.connectedMS, &joined, &c.lastMS); err != nil {
			return err
		}
		if joined.Valid {
			c.joinedMS = &joined.Int64
		}
		b.open[c.producer] = &c
		return nil
	}, `SELECT seq, channel, producer, server, bot_name, connected_ms, joined_ms, last_observed_ms FROM bot_sessions WHERE reason IS NULL`)
}

func (b *bot) prepare(context.Context, schema.Queryer, []*fact) error { return nil }

func (b *bot) fold(f *fact) error {
	c := b.open[f.producer]
	switch e := f.Payload.(type) {
	case *events.BotStarted:
		if before := b.open[e.Previous]; before != nil && e.Previous != "" {
			b.lost(before)
		}
	case *events.BotConnected:
		if c != nil {
			b.lost(c)
		}
		c = &coverage{seq: f.seq, channel: f.Channel, producer: f.producer, server: e.Server, connectedMS: f.at, lastMS: f.at}
		b.open[f.producer] = c
		b.touch(c)
	case *events.BotJoined:
		if c != nil {
			at := f.at
			c.botName, c.joinedMS, c.lastMS = e.Username, &at, max(c.lastMS, f.at)
			b.touch(c)
		}
	case *events.BotDisconnected:
		if c != nil {
			if e.ObservedMS <= f.at {
				c.lastMS = max(c.lastMS, e.ObservedMS)
			}
			b.end(c, f.at, e.Reason)
		}
	case *events.BotStopped:
		if c != nil {
			b.end(c, f.at, e.Reason)
		}
	default:
		if c == nil || !observes(f.Kind) {
			break
		}
		if at := f.latest(c.lastMS); at != c.lastMS {
			c.lastMS = at
			b.touch(c)
		}
	}
	return nil
}

func (b *bot) lost(c *coverage) {
	reason := reasonLost
	c.reason = &reason
	delete(b.open, c.producer)
	b.touch(c)
}

func (b *bot) end(c *coverage, at int64, reason string) {
	c.endMS, c.reason = &at, &reason
	delete(b.open, c.producer)
	b.touch(c)
}

func (b *bot) touch(c *coverage) {
	if !c.dirty {
		c.dirty = true
		b.touched = append(b.touched, c)
	}
}

func (b *bot) flush(ctx context.Context, w *writer) error {
	const columns = "channel, producer, server, bot_name, connected_ms, joined_ms, last_observed_ms, disconnected_ms, reason"
	rows := &bulk{head: "INSERT INTO bot_sessions (seq, " + columns + ") VALUES", cols: 10, tail: upsert("seq", columns)}
	for _, c := range b.touched {
		c.dirty = false
		rows.add(int64(c.seq), c.channel, c.producer, c.server, c.botName, c.connectedMS, optional(c.joinedMS), c.lastMS, optional(c.endMS), optional(c.reason))
	}
	b.touched = b.touched[:0]
	return rows.flush(ctx, w)
}
