package streams

import (
	"context"
	"errors"
	"fmt"
	"io"

	"rosey/events"
)

// Find looks for message ids from the sequence after the given one to the
// stream's end, and returns the sequences of those that are there. It is how an
// append without an answer is settled.
func (s *Stream) Find(ctx context.Context, after uint64, ids []string) (map[string]uint64, error) {
	found := make(map[string]uint64, len(ids))
	if len(ids) == 0 {
		return found, nil
	}
	wanted := make(map[string]bool, len(ids))
	for _, id := range ids {
		wanted[id] = true
	}
	r, err := s.Reader(ctx, ReadOptions{From: after + 1, StopAtEnd: true, HeadersOnly: true})
	if errors.Is(err, ErrBeyondEnd) {
		return found, nil
	}
	if err != nil {
		return nil, fmt.Errorf("streams: find %d message ids: %w", len(ids), err)
	}
	defer r.Close()
	for len(wanted) > 0 {
		m, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("streams: find %d message ids: %w", len(ids), err)
		}
		if wanted[m.MsgID] {
			found[m.MsgID] = m.Seq
			delete(wanted, m.MsgID)
		}
	}
	return found, nil
}

// LastOf returns the greatest sequence of each of the producers that the stream
// holds an event of. It reads the headers of the whole stream, once.
func (s *Stream) LastOf(ctx context.Context, producers []string) (map[string]uint64, error) {
	last := make(map[string]uint64, len(producers))
	if len(producers) == 0 {
		return last, nil
	}
	wanted := make(map[string]bool, len(producers))
	for _, producer := range producers {
		wanted[producer] = true
	}
	r, err := s.Reader(ctx, ReadOptions{From: 1, StopAtEnd: true, HeadersOnly: true})
	if err != nil {
		return nil, fmt.Errorf("streams: find the last event of %d producers: %w", len(producers), err)
	}
	defer r.Close()
	for {
		m, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			return last, nil
		}
		if err != nil {
			return nil, fmt.Errorf("streams: find the last event of %d producers: %w", len(producers), err)
		}
		if producer, seq, ok := events.ParseID(m.MsgID); ok && wanted[producer] {
			last[producer] = max(last[producer], seq)
		}
	}
}
