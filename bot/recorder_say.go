package bot

import (
	"context"
	"errors"
	"fmt"

	"rosey/bot/spool"
	"rosey/events"
)

// ErrNotRecording is returned by Record while no run is recording: before its
// beginning, after its end, and while a damaged spool is recovered.
var ErrNotRecording = errors.New("bot: not recording")

// Record commits one event of the bot's own, and returns when it is in the spool.
// The error is ErrNotRecording, or the spool's: ErrFull where it has no room.
func (r *Recorder) Record(ctx context.Context, kind events.Kind, payload events.Payload) error {
	r.order.Lock()
	defer r.order.Unlock()
	if !r.recording {
		return ErrNotRecording
	}
	evs := r.translate(func(t *Translator) []*events.Event {
		return []*events.Event{t.event(kind, payload, r.cfg.Now())}
	})
	full := func(err error) error { return err }
	if err := r.keep(ctx, evs, full, r.keeper.Put); err != nil {
		return fmt.Errorf("bot: record %s: %w", kind, err)
	}
	return nil
}

func (r *Recorder) setRecording(on bool) {
	r.order.Lock()
	defer r.order.Unlock()
	r.recording = on
}

// tellListener lets whoever listens hear what was gathered. The caller holds
// r.order. What the spool did not take has happened all the same.
func (r *Recorder) tellListener() {
	for _, it := range r.gathered {
		r.cfg.Hear(it)
	}
	clear(r.gathered)
	r.gathered = r.gathered[:0]
}

// Producer names the present run.
func (r *Recorder) Producer() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.run.Producer
}

// Leads reports whether this run records its channel: it has the lease, or could not
// ask for it and knows of nobody else who has.
func (r *Recorder) Leads() bool { return r.leads.Load() }

// Acknowledged is the last sequence of the stream that acknowledged an event of
// this bot, as far as its spool knows.
func (r *Recorder) Acknowledged() uint64 { return r.presentSpool().Acknowledged() }

// SettleEarlier waits until the stream has what earlier runs left in the spool.
func (r *Recorder) SettleEarlier(ctx context.Context) error {
	return r.presentSpool().SettleEarlier(ctx)
}

// IsEarlier reports whether a producer is an earlier run of this bot, and so gone.
func (r *Recorder) IsEarlier(ctx context.Context, producer string) (bool, error) {
	return r.presentSpool().IsEarlier(ctx, producer)
}

func (r *Recorder) presentSpool() *spool.Spool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.spool
}
