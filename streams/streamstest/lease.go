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
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	t.Cleanup(func() {
		cancel()
		<-done
	})
	go func() {
		defer close(done)
		tick := time.NewTicker(streams.LeaseTTL / 5)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			// Whoever took it from the test meanwhile may have it.
			if lease.Renew(ctx) != nil {
				return
			}
		}
	}()
}
