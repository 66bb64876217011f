package outbound

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"rosey/events"
	"rosey/streams"
)

const (
	// lookBack is how much earlier than a message its outcome may seem to be stored, by
	// clocks that differ.
	lookBack = time.Hour
	// deniedPause is how long nobody asks again for what only a person can allow.
	deniedPause = 30 * time.Second
)

// compare looks which of the messages that wait were over already: a bucket that was
// put back to an older state has messages again that were sent since, and the
// consumer of outcomes is past theirs. It is done once for each that was queued
// before all were seen anew. It returns how long to wait before trying again, 0 when
// that is done.
func (s *Sender) compare(ctx context.Context) time.Duration {
	oldest, list := int64(0), []int64(nil)
	for id, m := range s.open {
		if m.waits() && !s.compared[id] && m.QueuedMS < s.anew.Add(markSkew).UnixMilli() {
			if list = append(list, id); oldest == 0 || m.QueuedMS < oldest {
				oldest = m.QueuedMS
			}
		}
	}
	if len(list) == 0 {
		return 0
	}
	var moved error
	over := 0
	err := s.q.eachMark(ctx, streams.ReadOptions{Since: time.UnixMilli(oldest).Add(-lookBack)}, func(k mark) bool {
		m, ok := s.open[k.payload.MessageID]
		if !ok || !m.waits() || !k.isOf(m) {
			return true
		}
		v, ok := k.judge(m)
		if !ok {
			v, ok = k.missed(m)
		}
		if !ok {
			return true
		}
		over++
		moved = s.apply(ctx, m, v)
		return moved == nil
	})
	if over > 0 {
		s.log.Info("messages that waited were over already, as the stream says", "count", over)
	}
	err = errors.Join(err, moved)
	switch {
	case errors.Is(err, streams.ErrPermission):
		s.cannotLook(err) // saying nothing at all would be worse
	case err != nil && !errors.Is(err, streams.ErrNoStream):
		return s.cannotLook(err)
	}
	for _, id := range list {
		if _, ok := s.open[id]; ok {
			s.compared[id] = true
		}
	}
	return 0
}

// waits reports whether nobody began to send the message.
func (m Message) waits() bool { return m.State == Queued || m.State == Claimed }

// cannotLook says that outcomes cannot be looked for, and returns when to try again.
func (s *Sender) cannotLook(err error) time.Duration {
	if !errors.Is(err, streams.ErrPermission) {
		s.log.Debug("the outcome of a message cannot be looked for", "err", err)
		return time.Second
	}
	if s.lookAfter.IsZero() {
		s.log.Warn("what became of messages cannot be looked for in the stream: one that was being sent stays so, and one of an older bucket may be "+
			"said again; let the bot's user make consumers of the stream, and read them", "stream", streams.StreamName, "err", err)
	}
	s.lookAfter = time.Now().Add(deniedPause)
	return deniedPause
}

// isOf reports whether a mark is about a message, or may be.
func (k mark) isOf(m Message) bool {
	return k.payload.MessageID == m.ID && (k.channel == "" || k.channel == m.Channel)
}

// missed is the bot's own word about the end of a message that waits in an older
// state: nobody has touched it since it was told.
func (k mark) missed(m Message) (verdict, bool) {
	if k.by == "" || k.sent || k.payload.State == "" || k.payload.QueuedMS != m.QueuedMS || k.seq <= m.MarkSeq || !k.at.After(m.Changed) {
		return verdict{}, false
	}
	return k.failure(m, max(m.Attempts, int(min(k.payload.Attempts, 1<<20)))), true
}

// eachMark reads outcomes out of the stream, up to its present end or until f
// returns false.
func (q *Queue) eachMark(ctx context.Context, o streams.ReadOptions, f func(mark) bool) error {
	o.StopAtEnd, o.InFlight = true, 256
	for _, k := range []events.Kind{events.KindMarkSent, events.KindMarkFailed} {
		o.Subjects = append(o.Subjects, events.Subject(k), events.Subject(k)+".*")
	}
	r, err := q.stream.Reader(ctx, o)
	if err != nil {
		return fmt.Errorf("outbound: look for outcomes: %w", err)
	}
	defer r.Close()
	for {
		raw, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("outbound: look for outcomes: %w", err)
		}
		if k, ok := readMark(raw.Subject, raw.Data, raw.Seq, raw.Time); ok && !f(k) {
			return nil
		}
	}
}
