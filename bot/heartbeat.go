package bot

import (
	"context"
	"time"

	"rosey/internal/standstill"
	"rosey/streams"
)

// Heartbeats is where a bot says that it is alive. *streams.Stream is one.
type Heartbeats interface {
	Beat(ctx context.Context, h streams.Heartbeat) error
	EndBeat(ctx context.Context, h streams.Heartbeat) error
}

// beatLimit bounds how long one heartbeat may take.
const beatLimit = 3 * time.Second

// beat says that the bot is alive, regularly and whenever something about it
// changes, until the context ends. Recording does not depend on it: where nobody
// takes it, the next one is tried.
func (r *Recorder) beat(ctx context.Context) {
	if r.cfg.Heartbeats == nil {
		return
	}
	began := r.cfg.Now()
	every := time.NewTicker(r.cfg.BeatEvery)
	defer every.Stop()
	failing := false
	for ctx.Err() == nil {
		// One that is on its way at the end is waited for: it would come after that.
		on, cut := standstill.Outlasting(ctx, r.cfg.HandBackLimit)
		err := r.beatOnce(on, beatLimit, began, Heartbeats.Beat)
		cut()
		if err != nil && !failing {
			r.log.Debug("no heartbeat", "err", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
		case <-every.C:
		case <-r.changed:
		}
	}
	if !failing {
		// Without it the last one ends by itself.
		_ = r.beatOnce(context.WithoutCancel(ctx), r.cfg.HandBackLimit, began, Heartbeats.EndBeat)
	}
}

func (r *Recorder) beatOnce(ctx context.Context, limit time.Duration, began time.Time,
	do func(Heartbeats, context.Context, streams.Heartbeat) error,
) error {
	ctx, cancel := standstill.WithTimeout(ctx, limit)
	defer cancel()
	beats, err := r.cfg.Heartbeats(ctx)
	if err != nil {
		return err
	}
	line := r.client.State()
	h := streams.Heartbeat{
		Channel: r.cfg.CyTube.Channel, Producer: r.Producer(), Name: line.Name, Joined: line.Joined, Leads: r.leads.Load(),
		SinceMS: began.UnixMilli(), BeatMS: r.cfg.Now().UnixMilli(), Version: r.cfg.BotVersion,
		SpoolWaiting: r.presentSpool().Depth().Events,
	}
	if r.cfg.OutboundWaiting != nil {
		h.OutboundWaiting = r.cfg.OutboundWaiting()
	}
	return do(beats, ctx, h)
}

// hasChanged has the next heartbeat come at once.
func (r *Recorder) hasChanged() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}
