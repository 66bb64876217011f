package backup

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"rosey/streams"
)

// mark names this backup on an external server until all of it is in its place. It is
// a token of a subject.
func (r *restoring) mark() string {
	return fmt.Sprintf("%s-%d", r.set.Stream.Identity, r.set.BeganMS)
}

// restoredStreams are what a restore makes on a server, the stream last: while it is
// marked, the queue is a part of the same.
func (r *restoring) restoredStreams() []string {
	if r.set.Queue == nil {
		return []string{streams.StreamName}
	}
	return []string{streams.OutboundStream, streams.StreamName}
}

// leftover lists what a restore of this backup that was cut off has left on the server.
// The error is ErrExists for anything that is in use, ErrLeft for what another
// backup's restore left.
func (r *restoring) leftover(ctx context.Context) ([]string, error) {
	var left []string
	ours := false
	for _, stream := range []string{streams.StreamName, streams.OutboundStream} {
		mark, _, err := r.Conn.Unfinished(ctx, stream)
		switch {
		case errors.Is(err, streams.ErrNoStream):
		case err != nil:
			return nil, err
		case mark == r.mark():
			ours = true
			left = append(left, stream)
		case mark != "":
			return nil, fmt.Errorf("%w: %s of %s", ErrLeft, stream, mark)
		case ours: // of a marked stream the queue may have lost its mark already
			left = append(left, stream)
		case stream == streams.OutboundStream && r.set.Queue == nil:
		default:
			return nil, fmt.Errorf("%w: %s", ErrExists, stream)
		}
	}
	return left, nil
}

// discard removes it.
func (r *restoring) discard(ctx context.Context) error {
	left, err := r.leftover(ctx)
	if err != nil {
		return err
	}
	for _, stream := range slices.Backward(left) { // the stream last: it says whose the queue is
		r.Crash(crashDiscarding)
		if err := r.Conn.Discard(ctx, stream); err != nil {
			return err
		}
	}
	return nil
}

// unmark lets everybody use what is on the server, the stream last. Nobody can
// interrupt it any more.
func (r *restoring) unmark(ctx context.Context) error {
	if r.Conn == nil {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	for _, stream := range r.restoredStreams() {
		r.Crash(crashUnmarking)
		if err := r.Conn.FinishRestore(ctx, stream); err != nil {
			return fmt.Errorf("%w: %w", ErrMarked, err)
		}
	}
	return nil
}

// completed reports whether the server has what belongs to a data folder in which all
// is in its place, and lets everybody use it.
func (r *restoring) completed(ctx context.Context) error {
	if r.Conn == nil {
		return nil
	}
	mark, id, err := r.Conn.Unfinished(ctx, streams.StreamName)
	switch {
	case errors.Is(err, streams.ErrNoStream):
		return fmt.Errorf("%s: %w", r.Data, ErrStreamGone)
	case err != nil:
		return err
	case mark != "" && mark != r.mark():
		return fmt.Errorf("%w: %s of %s", ErrLeft, streams.StreamName, mark)
	case id.ID != r.set.Stream.Identity:
		return fmt.Errorf("%w: %s", ErrExists, streams.StreamName)
	}
	return r.unmark(ctx)
}
