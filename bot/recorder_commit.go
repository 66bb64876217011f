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
}

// gatherLimit bounds how many items share one commit.
const gatherLimit = 256

var errNotTaken = errors.New("nothing takes items any more")

// take hands an item on. When the spool is slow this blocks, and the socket is
// read more slowly.
func (r *Recorder) take(ctx context.Context, it cytube.Item) error {
	select {
	case r.items <- it:
		return nil
	case <-r.taken:
		return errNotTaken
	case <-ctx.Done():
		return ctx.Err()
	}
}

// commit translates what comes and commits it, everything that waits at once:
// the disk is asked once for a burst, and at once for a single line.
func (r *Recorder) commit(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case it, ok := <-r.items:
			if !ok {
				return nil
			}
			if err := r.inOrder(ctx, func() []*events.Event { return r.gather(it) }); err != nil {
				return err
			}
		case <-tick.C:
			// What has come is translated before what is due by time: a slow disk must
			// not make an item look as if nothing had followed it.
			if err := r.inOrder(ctx, func() []*events.Event {
				due := r.gather(nil)
				return append(due, r.translate(func(t *Translator) []*events.Event { return t.Tick(r.cfg.Now()) })...)
			}); err != nil {
				return err
			}
		}
	}
}

// inOrder commits events in the order in which they were translated: a roster
// that is told again must not overtake, nor be overtaken by, a leave.
func (r *Recorder) inOrder(ctx context.Context, make func() []*events.Event) error {
	r.order.Lock()
	defer r.order.Unlock()
	return r.put(ctx, make())
}

func (r *Recorder) gather(first cytube.Item) []*events.Event {
	return r.translate(func(t *Translator) []*events.Event {
		var evs []*events.Event
		if first != nil {
			evs = r.item(t, first)
		}
		for range gatherLimit - 1 {
			select {
			case it, ok := <-r.items:
				if !ok {
					return evs
				}
				evs = append(evs, r.item(t, it)...)
			default:
				return evs
			}
		}
		return evs
	})
}

func (r *Recorder) item(t *Translator, it cytube.Item) []*events.Event {
	switch it.(type) {
	case cytube.Frame, cytube.Unreadable:
		r.frames.Add(1)
	}
	return t.Translate(it)
}

func (r *Recorder) translate(f func(*Translator) []*events.Event) []*events.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return f(r.translator)
}

// put commits events to the spool. A disk that fails is tried again for as long
// as the recorder runs; meanwhile nothing more is taken from the socket, so that
// nothing has to be dropped. A full spool ends the observation in good order.
func (r *Recorder) put(ctx context.Context, evs []*events.Event) error {
	if len(evs) == 0 {
		return nil
	}
	for attempt := 1; ; attempt++ {
		err := r.keeper.Put(ctx, evs...)
		switch {
		case err == nil:
			r.events.Add(uint64(len(evs)))
			return nil
		case errors.Is(err, spool.ErrFull):
			if err := r.full(ctx, evs); err != nil {
				return err
			}
			continue
		case errors.Is(err, spool.ErrClosed), errors.Is(err, spool.ErrNotBegun):
			return fmt.Errorf("bot: %w", err)
		}
		r.log.Error("the spool takes nothing, trying again", "attempt", attempt, "err", err)
		if !pause(ctx, min(10*time.Second, 100*time.Millisecond<<min(attempt, 7))) {
			return fmt.Errorf("bot: %w", err)
		}
	}
}

// full records that the observation ends because the spool is full, and waits
// for room. Nothing is read from the socket meanwhile; the server ends the line,
// and the client begins again when there is room.
func (r *Recorder) full(ctx context.Context, evs []*events.Event) error {
	now := r.cfg.Now()
	r.log.Error("the spool is full; recording stops until there is room", "count", len(evs), "bytes", r.keeper.Depth().Bytes)
	gone := &events.Event{
		Platform: events.PlatformCyTube, Channel: r.cfg.CyTube.Channel, TimeMS: now.UnixMilli(), ReceivedMS: now.UnixMilli(),
		Kind:    events.KindBotDisconnected,
		Payload: &events.BotDisconnected{Reason: "spool_full", ObservedMS: now.UnixMilli()},
	}
	if err := r.keeper.PutReserved(ctx, gone); err != nil {
		r.log.Error("the full spool could not be told of", "err", err)
	}
	held := r.keeper.Depth().Bytes
	for r.keeper.Depth().Bytes > held/2 {
		if !pause(ctx, 200*time.Millisecond) {
			return fmt.Errorf("bot: %w", spool.ErrFull)
		}
	}
	r.log.Info("the spool has room again")
	return nil
}
