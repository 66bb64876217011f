package projector

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"rosey/streams"
)

// ErrStarved: the stream holds more, and the consumer lives and delivers none of
// it. Its state on the server can be wrong after a power cut, or somebody has
// paused it.
var ErrStarved = errors.New("the stream holds more than the consumer delivers")

// lookEvery is how often the stream is asked how far it goes. What a consumer
// says of itself is more expensive, and it is the consumer that is not believed.
const lookEvery = 10 * time.Second

// intake is what the delivery has handed on so far.
type intake struct {
	seq     atomic.Uint64
	waiting atomic.Bool // for the delivery, and not for the writer
}

// maxLooks bounds the patience with a delivery: five minutes.
const maxLooks = int(5 * time.Minute / lookEvery)

// patience is how many looks in a row a delivery may starve until it is begun
// again. A bulky message on a slow line looks like starving until it is here, and
// would begin anew for ever: after each delivery that starved, the next one gets
// twice the time, until one gets on.
type patience struct{ starved int }

func (h *patience) looks() int { return min(1<<min(h.starved, 10), maxLooks) }

// ended notes how a delivery ended.
func (h *patience) ended(err error, progress bool) {
	if progress {
		h.starved = 0
	}
	if errors.Is(err, ErrStarved) {
		h.starved++
	}
}

// attend ends the delivery when it starves: when something that was in the stream
// at one look has still not come so many looks later.
func (p *Projector) attend(ctx context.Context, in *intake, stop context.CancelCauseFunc) {
	tick := time.NewTicker(p.cfg.look)
	defer tick.Stop()
	hungry, before := 0, uint64(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		waiting, seq := in.waiting.Load(), in.seq.Load()
		behind, err := p.behind(ctx, seq)
		unreadable := errors.Is(err, streams.ErrUnreadable)
		switch {
		case err != nil && !unreadable:
			hungry = 0 // nobody can be asked: that shows in other ways, and soon
		case !waiting || !behind && !unreadable:
			hungry = 0
		case seq != before:
			hungry = 1
		default:
			hungry++
		}
		if hungry > p.patience.looks() {
			starved := fmt.Errorf("projector: nothing comes after seq=%d: %w", seq, ErrStarved)
			if unreadable {
				starved = fmt.Errorf("%w: %w", starved, err)
			}
			stop(starved)
			return
		}
		before = seq
	}
}

// behind reports whether the stream holds a message after the given one.
func (p *Projector) behind(ctx context.Context, seq uint64) (bool, error) {
	state, err := p.cfg.Stream.State(ctx)
	if err != nil {
		return false, err
	}
	p.status.reaches(state.LastSeq)
	if state.LastSeq <= seq {
		return false, nil
	}
	// What follows may be erased.
	next, err := p.cfg.Stream.Following(ctx, seq)
	return next != 0, err
}
