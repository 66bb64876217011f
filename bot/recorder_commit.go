package bot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rosey/bot/cytube"
	"rosey/bot/spool"
	"rosey/events"
)

// keeper is where events are committed; *spool.Spool is one.
type keeper interface {
	Put(ctx context.Context, evs ...*events.Event) error
	PutReserved(ctx context.Context, evs ...*events.Event) error
	Depth() spool.Depth
	Room() bool
}

// gatherLimit bounds how many items share one commit.
const gatherLimit = 256

var errNotTaken = errors.New("nothing takes items any more")

// take hands an item on. When the spool is slow this blocks, and the socket is
// read more slowly. The end of a visit does not cut it short, however long the
// disk takes: what was read is for commit to keep or to count, and a bot that
// leaves the channel is to come back.
func (r *Recorder) take(h heard) error {
	select {
	case r.items <- h:
		return nil
	case <-r.taken:
		return errNotTaken
	}
}

// commit translates what comes and commits it, everything that waits at once:
// the disk is asked once for a burst, and at once for a single line.
func (r *Recorder) commit(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case h, ok := <-r.items:
			if !ok {
				return nil
			}
			if err := r.inOrder(ctx, func() []*events.Event { return r.gather(&h) }); err != nil {
				return err
			}
		case <-tick.C:
			// What has come is translated before what is due by time: a slow disk must
			// not make an item look as if nothing had followed it.
			if err := r.inOrder(ctx, func() []*events.Event {
				due := r.gather(nil)
				if _, full := r.fullness.is(); full {
					return due
				}
				return append(due, r.translate(func(t *Translator) []*events.Event { return t.Tick(r.cfg.Now()) })...)
			}); err != nil {
				return err
			}
		}
	}
}

// inOrder commits events in the order in which they were translated: a roster
// that is told again must not overtake, nor be overtaken by, a leave. Then those
// who listen hear what was committed.
func (r *Recorder) inOrder(ctx context.Context, make func() []*events.Event) error {
	r.order.Lock()
	defer r.order.Unlock()
	err := r.put(ctx, make())
	r.tellListener()
	return err
}

func (r *Recorder) gather(first *heard) []*events.Event {
	return r.translate(func(t *Translator) []*events.Event {
		var evs []*events.Event
		if first != nil {
			evs = r.item(t, *first)
		}
		for range gatherLimit - 1 {
			select {
			case h, ok := <-r.items:
				if !ok {
					return evs
				}
				evs = append(evs, r.item(t, h)...)
			default:
				return evs
			}
		}
		return evs
	})
}

func (r *Recorder) item(t *Translator, h heard) []*events.Event {
	switch h.item.(type) {
	case cytube.Frame, cytube.Unreadable:
		r.frames.Add(1)
	case cytube.Joined, cytube.Disconnected:
		r.hasChanged()
	}
	if r.cfg.Hear != nil {
		r.gathered = append(r.gathered, h.item)
	}
	if r.fullness.drops(h) {
		return nil
	}
	return t.Translate(h.item)
}

func (r *Recorder) translate(f func(*Translator) []*events.Event) []*events.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return f(r.translator)
}

// put commits events to the spool. A full one ends the observation in good order.
func (r *Recorder) put(ctx context.Context, evs []*events.Event) error {
	err := r.keep(ctx, evs, func(err error) error { return r.full(ctx, evs, err) }, r.keeper.Put)
	if err != nil {
		return fmt.Errorf("bot: %w", err)
	}
	return nil
}

// backOff is how long to wait before a disk that failed is tried again.
func backOff(attempt int) time.Duration {
	return min(10*time.Second, 100*time.Millisecond<<min(attempt, 7))
}

// keep commits events with one of the spool's ways to put them. A disk that
// fails is tried again for as long as the recorder runs; meanwhile nothing more
// is taken from the socket, so that nothing has to be dropped.
func (r *Recorder) keep(ctx context.Context, evs []*events.Event, full func(error) error,
	put func(ctx context.Context, evs ...*events.Event) error,
) error {
	if len(evs) == 0 {
		return nil
	}
	var cause error
	for attempt := 1; ; attempt++ {
		err := put(ctx, evs...)
		switch {
		case err == nil:
			r.events.Add(uint64(len(evs)))
			r.fullness.kept(evs[len(evs)-1])
			return nil
		case errors.Is(err, spool.ErrFull):
			return full(err)
		case errors.Is(err, spool.ErrClosed), errors.Is(err, spool.ErrNotBegun), errors.Is(err, spool.ErrDamaged):
			return err
		}
		if cause = whyNot(ctx, cause, err); cut(ctx, cause) {
			return fmt.Errorf("%w: %w", errNoTime, cause)
		}
		r.log.Error("the spool takes nothing, trying again", "attempt", attempt, "err", err)
		if !pause(ctx, backOff(attempt)) {
			return cause
		}
	}
}

// errNoTime is why something is not in the spool that a slow disk was to take when
// the time for it was over.
var errNoTime = errors.New("the disk was not done with it before the end")

// whyNot is what to tell after another attempt failed, where cause is what was to be
// told before it: an attempt that the context broke off knows no cause.
func whyNot(ctx context.Context, cause, err error) error {
	if cause == nil || !cut(ctx, err) {
		return err
	}
	return cause
}

// cut reports whether an error says no more than that the context has ended.
func cut(ctx context.Context, err error) bool { return ctx.Err() != nil && errors.Is(err, ctx.Err()) }
