package outbound

import (
	"context"
	"errors"
	"testing"

	"rosey/streams"
)

// However many ask, the server is asked once a moment, also where it does not tell.
func TestPresence_IsAskedForOnce(t *testing.T) {
	t.Parallel()
	var p presence
	failure := errors.New("nobody can tell")
	asked := 0
	ask := func(ctx context.Context) ([]streams.Heartbeat, error) {
		asked++
		if _, limited := ctx.Deadline(); !limited {
			t.Error("it may take as long as it likes")
		}
		return nil, errors.Join(failure, ctx.Err())
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.look(gone, ask); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that is gone: %v", err)
	}
	for range 100 {
		if _, err := p.look(t.Context(), ask); !errors.Is(err, failure) || errors.Is(err, context.Canceled) {
			t.Fatalf("got %v, want %v", err, failure)
		}
	}
	if asked < 2 || asked > 10 {
		t.Errorf("asked %d times, want once for him that was gone and once for the rest", asked)
	}
}
