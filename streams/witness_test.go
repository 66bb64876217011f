package streams

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// The list is waited for once, whatever the question itself waits for.
func TestWitnessed_AsksForAWhileAndNoLonger(t *testing.T) {
	t.Parallel()
	lost := fmt.Errorf("ask: %w", ErrDisconnected)
	hang := func(ctx context.Context, d time.Duration, err error) error {
		select {
		case <-time.After(d):
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for name, tt := range map[string]struct {
		answer func(ctx context.Context, after time.Duration) error
		want   error
		within time.Duration
	}{
		"at once": {func(context.Context, time.Duration) error { return nil }, nil, 0},
		"no leader": {func(ctx context.Context, _ time.Duration) error {
			return hang(ctx, 29*time.Second, ErrNoLeader)
		}, ErrNoLeader, 29 * time.Second},
		"denied":    {func(context.Context, time.Duration) error { return ErrPermission }, ErrPermission, 0},
		"no server": {func(context.Context, time.Duration) error { return lost }, ErrDisconnected, askPatience},
		"no server, then none": {func(ctx context.Context, after time.Duration) error {
			if after < 20*time.Second {
				return lost
			}
			return hang(ctx, time.Minute, ErrNoLeader)
		}, ErrDisconnected, askPatience},
		"a server that comes back": {func(_ context.Context, after time.Duration) error {
			if after < 20*time.Second {
				return lost
			}
			return nil
		}, nil, 20 * time.Second},
		"silence": {func(ctx context.Context, _ time.Duration) error { return hang(ctx, time.Hour, nil) }, context.DeadlineExceeded, askPatience},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				w := &Witnessed{erased: func(ctx context.Context) ([][2]uint64, uint64, error) {
					return nil, 2, tt.answer(ctx, time.Since(begun))
				}}
				if err := w.gone(t.Context(), 1, 1); !errors.Is(err, tt.want) || time.Since(begun) > tt.within || errors.Is(err, ErrUnvouched) != (err != nil) {
					t.Errorf("after %s: %v; want %v within %s", time.Since(begun), err, tt.want, tt.within)
				}
			})
		})
	}
}
