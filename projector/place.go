package projector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"rosey/streams"
)

// place is the right to use one consumer. A second projector on it would take
// messages from the first; proving the order would stop one of the two, and not
// always the one that came second.
type place struct {
	stream *streams.Stream
	key    string
	holder string
	log    *slog.Logger
	lease  *streams.Lease // nil where it could not be asked for
}

// takePlace takes the place of the projector's instance. It is refused where
// another database's projector has it. Where nobody can be asked the projector
// goes on: the order of what is delivered is proven all the same.
func takePlace(ctx context.Context, cfg *Config) (*place, error) {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	link, err := filepath.Abs(cfg.Store.Link)
	if err != nil {
		return nil, fmt.Errorf("projector: %w", err)
	}
	consumer, err := streams.ConsumerName(cfg.Instance)
	if err != nil {
		return nil, fmt.Errorf("projector: %w", err)
	}
	// The same database has the same holder: what a killed process held is taken
	// over at once, because the database's lock shows that it is gone.
	p := &place{stream: cfg.Stream, key: "projector." + cfg.Instance, holder: host + ":" + link, log: cfg.Logger}
	p.lease, err = p.stream.Acquire(ctx, p.key, p.holder, "")
	var held *streams.LeaseHeldError
	switch {
	case errors.As(err, &held):
		return nil, &StartError{
			Reason: ErrPlaceTaken,
			Detail: fmt.Sprintf("consumer %s belongs to %s", consumer, held.Holder),
			Remedy: "give this projector a name of its own with --instance NAME, or stop the other one first",
		}
	case err != nil:
		p.log.Debug("the projector's place cannot be asked for", "consumer", consumer, "err", err)
	}
	return p, nil
}

// keep holds the place until the context ends.
func (p *place) keep(ctx context.Context) {
	tick := time.NewTicker(streams.LeaseTTL / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if p.lease != nil && p.lease.Renew(ctx) == nil {
			continue
		}
		var err error
		if p.lease, err = p.stream.Acquire(ctx, p.key, p.holder, ""); errors.Is(err, streams.ErrLeaseHeld) {
			p.log.Warn("another projector has taken the place of this one", "err", err)
		}
	}
}

// releaseLimit bounds a courtesy: without it the place is free a little later.
const releaseLimit = time.Second

func (p *place) release() {
	if p == nil || p.lease == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), releaseLimit)
	defer cancel()
	if err := p.lease.Release(ctx); err != nil {
		p.log.Debug("the projector's place was not given back", "err", err)
	}
	p.lease = nil
}
