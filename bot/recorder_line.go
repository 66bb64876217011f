package bot

import (
	"context"
	"errors"
	"fmt"

	"rosey/events"
	"rosey/streams"
)

// line holds the line to the channel while this run leads, and says in the
// stream that it does.
func (r *Recorder) line(ctx, keep context.Context, leading <-chan bool) error {
	for now := range leading {
		if !now {
			continue
		}
		told := r.translate(func(t *Translator) []*events.Event { return t.Recording(r.cfg.Now()) })
		if err := r.put(keep, told); err != nil {
			return err
		}
		if err := r.lineUntil(ctx, leading); err != nil {
			return err
		}
	}
	return nil
}

// lineUntil holds the line until this run no longer leads or the context ends.
func (r *Recorder) lineUntil(ctx context.Context, leading <-chan bool) error {
	ctx, hangUp := context.WithCancel(ctx)
	defer hangUp()
	done := make(chan error, 1)
	go func() { done <- r.client.Run(ctx, r.take) }()
	for {
		select {
		case now := <-leading: // false when it is closed, too
			if !now {
				leading = nil
				hangUp()
			}
		case err := <-done:
			if err != nil && !errors.Is(err, errNotTaken) {
				return fmt.Errorf("bot: %w", err)
			}
			return nil
		}
	}
}

func (r *Recorder) lead() *lead {
	return &lead{
		leases: r.cfg.Leases, key: streams.RecorderLease(r.cfg.CyTube.Channel), holder: r.run.Producer, predecessor: r.prev.Producer,
		every: r.cfg.LeaseEvery, log: r.log,
	}
}
