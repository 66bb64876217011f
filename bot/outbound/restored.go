package outbound

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"rosey/streams"
)

// HoldRestored holds back what waits in a queue that was restored from a copy, and
// returns how much that is: whoever the original belongs to may have sent it since,
// and nobody here could tell. Such a message is Unknown with ReasonRestored, and a
// person's retry sends it.
//
// It needs no stream, so that it can be done before there is one: a bot sends
// nothing until then.
func HoldRestored(ctx context.Context, c *streams.Conn) (held int, err error) {
	bucket, err := c.Bucket(ctx, streams.OutboundBucket)
	if err != nil {
		return 0, fmt.Errorf("outbound: hold restored messages: %w", err)
	}
	q := QueueConfig{}.queue(nil, bucket)
	waiting, err := q.List(ctx, Filter{States: []State{Queued, Claimed}})
	if err != nil {
		return 0, err
	}
	for _, m := range waiting {
		if _, err := q.Move(ctx, m, Unknown, func(n *Message) { n.Reason = ReasonRestored }); err != nil {
			return held, err
		}
		held++
	}
	return held, nil
}

// SettleRestored ends those of the messages held by HoldRestored of which the
// stream says what became of them, and returns how many that were.
func SettleRestored(ctx context.Context, s *streams.Stream) (settled int, err error) {
	q, err := OpenQueue(ctx, s)
	if err != nil {
		return 0, err
	}
	list, err := q.List(ctx, Filter{States: []State{Unknown}})
	if err != nil {
		return 0, err
	}
	held, oldest := map[int64][]Message{}, int64(0) // several channels may use one id
	for _, m := range list {
		if m.Reason == ReasonRestored {
			if held[m.ID] = append(held[m.ID], m); oldest == 0 || m.QueuedMS < oldest {
				oldest = m.QueuedMS
			}
		}
	}
	if len(held) == 0 {
		return 0, nil
	}
	var moved error
	err = q.eachMark(ctx, streams.ReadOptions{Since: time.UnixMilli(oldest).Add(-lookBack)}, func(k mark) bool {
		for i, m := range held[k.payload.MessageID] {
			v, ok := k.ofRestored(m)
			if !ok || !allowed(m, v.to, q.cfg.Now()) {
				continue
			}
			held[m.ID] = slices.Delete(held[m.ID], i, i+1)
			if _, moved = q.move(ctx, m, v.to, v.change); moved == nil {
				settled++
			}
			break
		}
		return moved == nil
	})
	return settled, errors.Join(err, moved)
}

// ofRestored is what a mark does to a message that was held: the same as if it
// still waited, as it did when it was copied.
func (k mark) ofRestored(m Message) (verdict, bool) {
	if !k.isOf(m) {
		return verdict{}, false
	}
	m.State, m.Changed = Queued, time.Time{}
	if v, ok := k.judge(m); ok {
		return v, true
	}
	return k.missed(m)
}
