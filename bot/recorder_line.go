package bot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rosey/bot/cytube"
	"rosey/events"
	"rosey/streams"
)

// line holds the line to the channel while this run leads.
func (r *Recorder) line(ctx, keep context.Context, news <-chan standing) error {
	for now := range news {
		if !now.leads {
			continue
		}
		if err := r.tellLead(keep, now); err != nil {
			return err
		}
		err := r.lineUntil(ctx, keep, news)
		r.leads.Store(false)
		r.hasChanged()
		if err != nil {
			return err
		}
	}
	return nil
}

// tellLead says in the stream that this run leads. It is said again for each
// term: the projections follow the greatest.
func (r *Recorder) tellLead(keep context.Context, now standing) error {
	r.standing.Store(&now)
	r.leads.Store(true)
	r.hasChanged()
	return r.inOrder(keep, func() []*events.Event {
		return r.translate(func(t *Translator) []*events.Event { return t.Recording(r.cfg.Now(), now.term) })
	})
}

// lineUntil holds the line until this run no longer leads or the context ends.
func (r *Recorder) lineUntil(ctx, keep context.Context, news <-chan standing) error {
	ctx, hangUp := context.WithCancel(ctx)
	defer hangUp()
	done := make(chan error, 1)
	go func() { done <- r.sit(ctx, keep) }()
	var failed error
	for {
		select {
		case now, ok := <-news:
			if ok && now.leads {
				if failed = r.tellLead(keep, now); failed == nil {
					continue
				}
			}
			// Whoever speaks for this run stops at once; to leave takes a moment.
			r.leads.Store(false)
			r.hasChanged()
			news = nil
			hangUp()
		case err := <-done:
			switch {
			case failed != nil:
				return failed
			case err != nil && !errors.Is(err, errNotTaken):
				return fmt.Errorf("bot: %w", err)
			}
			return nil
		}
	}
}

// sit keeps the line up, except while the spool is full. Then this run soon leads
// no longer, which ends it here, unless there is room again before that.
func (r *Recorder) sit(ctx, keep context.Context) error {
	for {
		if _, full := r.fullness.is(); full {
			if !r.awaitRoom(ctx) {
				return nil
			}
			// There may have been no room for it when it was due.
			if err := r.tellLead(keep, *r.standing.Load()); err != nil {
				return err
			}
		}
		if err := r.visit(ctx); err != nil || ctx.Err() != nil {
			return err
		}
	}
}

// visit sits in the channel until the context ends or the spool is full.
func (r *Recorder) visit(ctx context.Context) error {
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	visit := r.fullness.arrive(time.Now(), leave)
	defer r.fullness.left()
	if _, full := r.fullness.is(); full {
		return nil // since it was asked for room: nothing would end this visit
	}
	return r.client.Run(ctx, func(_ context.Context, it cytube.Item) error {
		return r.take(heard{visit: visit, item: it})
	})
}

func (r *Recorder) lead() *lead {
	return &lead{
		leases: r.cfg.Leases, key: streams.RecorderLease(r.cfg.CyTube.Channel), holder: r.run.Producer, predecessor: r.prev.Producer, isEarlier: r.spool.IsEarlier,
		full: func() (bool, <-chan struct{}) {
			_, full, changed := r.fullness.watch()
			return full, changed
		},
		every: r.cfg.LeaseEvery, limit: r.cfg.LeaseLimit, log: r.log,
	}
}
