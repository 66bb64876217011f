package backup

import (
	"context"
	"errors"
	"fmt"
	"io"

	"rosey/streams"
)

// readBack reads every message of a restored stream: a server that opens a store
// has not read what is in it.
func readBack(ctx context.Context, s *streams.Stream, state streams.State) error {
	r, err := s.Reader(ctx, streams.ReadOptions{UpTo: state.LastSeq, StopAtEnd: true})
	if err != nil {
		return err
	}
	defer r.Close()
	var n uint64
	for {
		_, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		n++
	}
	// Bots that are there already may go on recording.
	if n < state.Messages {
		return fmt.Errorf("%w: %d messages can be read, and the stream says that it has %d", ErrDiffers, n, state.Messages)
	}
	return nil
}

// readThrough reads what a snapshot was made of: a server takes one without a word of a
// message that it passes over, and no restore would accept it.
func readThrough(ctx context.Context, s *streams.Stream, copied streams.Snapshot) error {
	if copied.Messages == 0 {
		return nil
	}
	from := max(copied.FirstSeq, 1)
	src, err := s.Reader(ctx, streams.ReadOptions{From: from, UpTo: copied.LastSeq, StopAtEnd: true})
	if err != nil {
		return err
	}
	r := s.Witnessed(src, from, copied.LastSeq)
	defer r.Close()
	for {
		if _, err := r.Next(ctx); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read stream %s through: %w", copied.Stream, err)
		}
	}
}
