package bot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rosey/bot/cytube"
	"rosey/events"
	"rosey/streams"

	"golang.org/x/sync/errgroup"
)

// line holds the line to the channel while this run leads.
func (r *Recorder) line(ctx, keep context.Context, latest news) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-latest:
			if !now.leads {
				continue
			}
			if err := r.lineUntil(ctx, keep, now, latest); err != nil {
				return err
			}
		}
	}
}

// tellLead says in the stream that this run leads. It is said again for each
// term: the projections follow the greatest.
func (r *Recorder) tellLead(keep context.Context) error {
	return r.inOrder(keep, func() []*events.Event {
		if !r.leads.Load() {
			return nil // another was found to lead while this waited for the disk
		}
		term := r.standing.Load().term
		return r.translate(func(t *Translator) []*events.Event { return t.Recording(r.cfg.Now(), term) })
	})
}

// lineUntil holds the line until this run no longer leads or the context ends. It
// hears of that at once: it is others who wait for the disk.
func (r *Recorder) lineUntil(ctx, keep context.Context, now standing, latest news) error {
	ctx, hangUp := context.WithCancel(ctx)
	defer hangUp()
	r.stand(now)
	again := make(chan struct{}, 1)
	g := new(errgroup.Group)
	g.Go(func() error {
		defer hangUp()
		if err := r.tellLead(keep); err != nil { // before anything that the line brings
			return err
		}
		if err := r.sit(ctx, keep); err != nil && !errors.Is(err, errNotTaken) {
			return fmt.Errorf("bot: %w", err)
		}
		return nil
	})
	g.Go(func() error {
		defer hangUp()
		return r.tellAgain(ctx, keep, again)
	})
	done := make(chan error, 1)
	go func() { done <- g.Wait() }()
	for {
		select {
		case now := <-latest:
			r.stand(now)
			if !now.leads {
				// Whoever speaks for this run stops at once; to leave takes a moment.
				latest = nil
				hangUp()
				continue
			}
			select {
			case again <- struct{}{}:
			default: // it is about to be told
			}
		case err := <-done:
			r.stand(standing{})
			return err
		}
	}
}

// stand makes it known whether this run leads.
func (r *Recorder) stand(now standing) {
	r.standing.Store(&now)
	r.leads.Store(now.leads)
	r.hasChanged()
}

// tellAgain says that this run leads whenever it is asked to, until the context
// ends.
func (r *Recorder) tellAgain(ctx, keep context.Context, again <-chan struct{}) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-again:
			if err := r.tellLead(keep); err != nil {
				return err
			}
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
			if err := r.tellLead(keep); err != nil {
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
		every: r.cfg.LeaseEvery, limit: r.cfg.LeaseLimit, handBack: r.cfg.HandBackLimit, log: r.log,
	}
}
