package outbound

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"

	"rosey/streams"
)

// marks applies outcomes out of the stream to the queue: those of other programs,
// and the bot's own where it died before it could.
type marks struct {
	queue func(ctx context.Context) (*Queue, error)
	log   *slog.Logger

	applied, passed, unknown, unreadable atomic.Int64
}

// MarkCounts says what became of the outcomes seen.
type MarkCounts struct {
	Applied    int64 // moved a message
	Passed     int64 // told what was known, or came too late
	Unknown    int64 // of messages that the queue does not hold
	Unreadable int64
}

func (k *marks) counts() MarkCounts {
	return MarkCounts{k.applied.Load(), k.passed.Load(), k.unknown.Load(), k.unreadable.Load()}
}

// run applies outcomes until the context ends. Where this user may not consume
// them it says so and does nothing: another process may.
func (k *marks) run(ctx context.Context, s *streams.Stream) error {
	err := persist(ctx, func() error {
		w, err := s.OutboundMarks(ctx)
		if err == nil {
			err = k.apply(ctx, w)
			w.Close()
		}
		if hopeless(err) {
			return &final{err}
		}
		k.log.Debug("outcomes are waited for anew", "consumer", streams.OutboundConsumer, "err", err)
		return err
	})
	if err != nil && ctx.Err() == nil {
		k.log.Warn("outcomes that others report are not applied here", "consumer", streams.OutboundConsumer, "err", err)
	}
	return nil
}

func (k *marks) apply(ctx context.Context, w *streams.Work) error {
	for {
		m, err := w.Next(ctx)
		if err != nil {
			return err
		}
		err = persist(ctx, func() error {
			err := k.one(ctx, m)
			if hopeless(err) {
				return &final{err} // another process may
			}
			return err
		})
		if err != nil {
			return err
		}
		if err := w.Done(m); err != nil {
			k.log.Debug("an outcome comes again", "seq", m.Seq, "err", err)
		}
	}
}

// one applies one outcome. Applying it again changes nothing.
func (k *marks) one(ctx context.Context, raw streams.Message) error {
	mark, ok := readMark(raw.Subject, raw.Data, raw.Seq, raw.Time)
	if !ok {
		k.unreadable.Add(1)
		k.log.Warn("an outcome cannot be read", "subject", raw.Subject, "seq", raw.Seq)
		return nil
	}
	q, err := k.queue(ctx)
	if err != nil {
		return err
	}
	for {
		m, err := q.Get(ctx, mark.channel, mark.payload.MessageID)
		switch {
		case errors.Is(err, ErrNotFound), errors.Is(err, ErrAmbiguous):
			k.unknown.Add(1)
			k.log.Debug("an outcome of no message in the queue", "seq", raw.Seq, "err", err)
			return nil
		case err != nil:
			return err
		}
		v, ok := mark.judge(m)
		if !ok {
			k.passed.Add(1)
			return nil
		}
		switch _, err = q.move(ctx, m, v.to, v.change); {
		case err == nil:
			k.applied.Add(1)
			return nil
		case !errors.Is(err, ErrChanged):
			return err
		}
	}
}
