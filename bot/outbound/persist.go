package outbound

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rosey/streams"
)

// final is an error that persist does not try again.
type final struct{ error }

func (f *final) Unwrap() error { return f.error }

// persist calls try until it succeeds, with growing pauses. The error is ctx's own,
// or a final one.
func persist(ctx context.Context, try func() error) error {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		err := try()
		var stop *final
		if err == nil || errors.As(err, &stop) {
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// passing reports whether an error is the server's absence, which passes.
func passing(err error) bool {
	return errors.Is(err, streams.ErrDisconnected) || errors.Is(err, streams.ErrUnavailable) && !errors.Is(err, streams.ErrNoBucket) ||
		errors.Is(err, streams.ErrUncertain) || errors.Is(err, context.DeadlineExceeded)
}

// hopeless reports whether only a person can change what is in the way.
func hopeless(err error) bool { return errors.Is(err, streams.ErrPermission) }
