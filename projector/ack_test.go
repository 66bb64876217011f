package projector

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"rosey/streams"
	"rosey/streams/streamstest"
)

// TestProjector_AcknowledgesOnlyWhatIsCommitted looks at the consumer while a
// batch waits for its commit: the server must not take it for done yet.
func TestProjector_AcknowledgesOnlyWhatIsCommitted(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), storeIn(t)
	publish(t, env, newScript(), posts(20)...)
	state, err := env.Stream.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	name, err := streams.ConsumerName("main")
	if err != nil {
		t.Fatal(err)
	}
	var committed, looked atomic.Uint64
	cfg := liveConfig(env, store)
	cfg.BatchSize = 10
	cfg.Crash = func(point string) {
		switch point {
		case "projector.before_commit":
			// An acknowledgement sent before this is with the server once an answer is back.
			if err := env.Conn.NATS().FlushTimeout(time.Minute); err != nil {
				t.Error(err)
			}
			c, err := env.Conn.JetStream().Consumer(t.Context(), streams.StreamName, name)
			if err != nil {
				t.Error(err)
				return
			}
			if floor := c.CachedInfo().AckFloor.Stream; floor > committed.Load() {
				t.Errorf("acknowledged up to seq=%d while the database holds seq=%d", floor, committed.Load())
			}
			looked.Add(1)
		case "projector.after_commit":
			committed.Add(uint64(cfg.BatchSize))
		}
	}
	p := run(t, cfg)
	if err := p.WaitFor(t.Context(), state.LastSeq); err != nil {
		t.Fatal(err)
	}
	p.stop(t)
	if looked.Load() < 2 {
		t.Errorf("looked %d times only", looked.Load())
	}
}

// TestProjector_CommitsWhenNothingMoreWaits lets no clock help: each event has to
// be visible because the stream has no more.
func TestProjector_CommitsWhenNothingMoreWaits(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), storeIn(t)
	cfg := liveConfig(env, store)
	cfg.idle = time.Hour
	p := run(t, cfg)
	s := newScript()
	for range 5 {
		last := publish(t, env, s, posts(3)...)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		if err := p.WaitFor(ctx, last); err != nil {
			t.Errorf("seq=%d is not visible: %v", last, err)
		}
		cancel()
	}
	p.stop(t)
}
