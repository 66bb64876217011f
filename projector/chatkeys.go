package projector

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"

	"rosey/events"
	"rosey/schema"
)

// chatKey is the natural key of a line of chat: CyTube re-sends lines at every
// join, and gives them no other identity.
type chatKey struct {
	channel string
	name    string // without case
	timeMS  int64
	hash    int64
}

// keyOf is the key of a line. Two equal lines of a publisher that neither numbers
// its events nor tells more than the second are two lines: their own id, or else
// their place in the stream, is all that tells them apart, so it is part of the
// key.
func keyOf(f *fact, m *events.MessageLog) chatKey {
	h := fnv.New64a()
	_, _ = h.Write([]byte(m.Message))
	switch {
	case f.named:
	case f.ID != "":
		_, _ = h.Write([]byte("\x00" + f.ID))
	default:
		_, _ = h.Write(binary.BigEndian.AppendUint64(nil, f.seq))
	}
	return chatKey{f.Channel, foldName(m.Username), f.TimeMS, int64(h.Sum64())}
}

// chatKeys decides which lines are new. Only a line that is not later than the
// channel's latest can have come before, so a quiet look-up is needed for those
// alone.
type chatKeys struct {
	latest map[string]int64 // channel → time of its latest line
	known  map[chatKey]bool // looked up for this batch: already a row
	batch  map[chatKey]bool // first seen in this batch
}

func (c *chatKeys) reset() {
	*c = chatKeys{latest: map[string]int64{}, known: map[chatKey]bool{}, batch: map[chatKey]bool{}}
}

func (c *chatKeys) prepare(ctx context.Context, q schema.Queryer, batch []*fact) error {
	for _, f := range batch {
		m, ok := f.Payload.(*events.MessageLog)
		if !ok || f.Kind != events.KindMessageLog {
			continue
		}
		latest, ok := c.latest[f.Channel]
		if !ok {
			var t sql.NullInt64
			if err := q.QueryRowContext(ctx, "SELECT max(time_ms) FROM chat_messages WHERE channel = ?", f.Channel).Scan(&t); err != nil {
				return fmt.Errorf("chat_messages: latest time: %w", err)
			}
			latest = -1 << 62
			if t.Valid {
				latest = t.Int64
			}
			c.latest[f.Channel] = latest
		}
		if f.TimeMS > latest {
			continue
		}
		k := keyOf(f, m)
		var one int
		err := q.QueryRowContext(ctx, `SELECT 1 FROM chat_messages WHERE channel = ? AND time_ms = ? AND username = ? AND text_hash = ?`,
			k.channel, k.timeMS, k.name, k.hash).Scan(&one)
		switch {
		case err == nil:
			c.known[k] = true
		case !errors.Is(err, sql.ErrNoRows):
			return fmt.Errorf("chat_messages: look up a line: %w", err)
		}
	}
	return nil
}

// settle marks a line as fresh or not.
func (c *chatKeys) settle(f *fact) {
	m, ok := f.Payload.(*events.MessageLog)
	if !ok {
		return
	}
	k := keyOf(f, m)
	f.fresh = !c.known[k] && !c.batch[k]
	if f.fresh {
		c.batch[k] = true
	}
}

// flushed forgets the batch; its lines are rows now.
func (c *chatKeys) flushed() {
	for k := range c.batch {
		if k.timeMS > c.latest[k.channel] {
			c.latest[k.channel] = k.timeMS
		}
	}
	clear(c.batch)
	clear(c.known)
}
