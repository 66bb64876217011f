package streamstest

import (
	"context"
	"testing"
	"time"

	"rosey/streams"
)

// Hold takes a lease as Acquire does and keeps it until the test ends, however
// long that takes: a lease that nobody renews ends while a busy machine is still
// at the next line.
func (e *Env) Hold(t testing.TB, key, holder, predecessor string) {
	t.Helper()
	lease, err := e.Stream.Acquire(t.Context(), key, holder, predecessor)
	if err != nil {
		t.Fatalf("hold lease: %v", err)
	}
	// Whoever took it from the test meanwhile may have it.
	again(t, streams.LeaseTTL/5, func(ctx context.Context) bool { return lease.Renew(ctx) == nil })
}

// Beat says that a bot is alive, as Stream.Beat does, until the test ends, however
// long that takes.
func Beat(t testing.TB, s *streams.Stream, h streams.Heartbeat) {
	t.Helper()
	if err := s.Beat(t.Context(), h); err != nil {
		t.Fatalf("beat: %v", err)
	}
	again(t, streams.HeartbeatTTL/5, func(ctx context.Context) bool {
		_ = s.Beat(ctx, h) // the next one follows
		return true
	})
}

// again does something from time to time until it is over or the test ends.
func again(t testing.TB, every time.Duration, do func(context.Context) (goOn bool)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	t.Cleanup(func() {
		cancel()
		<-done
	})
	go func() {
		defer close(done)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if !do(ctx) {
					return
				}
			}
		}
	}()
}
