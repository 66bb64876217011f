package main

import (
	"context"
	"errors"
	"io"
	"time"

	"rosey/streams"
)

// newest returns the last events that a filter wants, oldest first. It looks
// further and further back until it has enough of them.
func newest(ctx context.Context, s *streams.Stream, state streams.State, f eventFilter, limit int) ([]seen, error) {
	if limit == 0 || state.LastSeq < state.FirstSeq {
		return nil, nil
	}
	for span := uint64(limit); ; span *= 16 {
		from := state.FirstSeq
		if state.LastSeq-state.FirstSeq >= span {
			from = state.LastSeq - span + 1
		}
		found, err := lastOf(ctx, s, streams.ReadOptions{From: from, UpTo: state.LastSeq, StopAtEnd: true, Subjects: f.subjects()}, f, limit)
		if err != nil || len(found) == limit || from == state.FirstSeq {
			return found, err
		}
	}
}

// lastOf reads a range and keeps its last wanted events.
func lastOf(ctx context.Context, s *streams.Stream, o streams.ReadOptions, f eventFilter, limit int) ([]seen, error) {
	r, err := s.Reader(ctx, o)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var ring []seen
	oldest := 0
	for {
		m, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			return append(ring[oldest:len(ring):len(ring)], ring[:oldest]...), nil
		}
		if err != nil {
			return nil, err
		}
		e, wanted := f.look(m)
		switch {
		case !wanted:
		case len(ring) < limit:
			ring = append(ring, e)
		default:
			ring[oldest] = e
			oldest = (oldest + 1) % limit
		}
	}
}

// storedSince returns the first sequence that was stored at a time or later, the
// one after the last where there is none. It halves the stream again and again:
// the server would look at every message.
func storedSince(ctx context.Context, s *streams.Stream, state streams.State, since time.Time) (uint64, error) {
	low, high := state.FirstSeq, state.LastSeq+1 // the answer lies from low to high
	for low < high {
		middle := low + (high-low)/2
		m, err := atOrAfter(ctx, s, middle, high-1)
		if err != nil {
			return 0, err
		}
		switch {
		case m == nil: // all erased from the middle on
			high = middle
		case m.Time.Before(since):
			low = m.Seq + 1
		default:
			high = middle
		}
	}
	return low, nil
}

// atOrAfter returns the first message from a sequence up to another, nil where
// all of them were erased.
func atOrAfter(ctx context.Context, s *streams.Stream, seq, last uint64) (*streams.Message, error) {
	m, err := s.Get(ctx, seq)
	if !errors.Is(err, streams.ErrMessageNotFound) {
		return m, err
	}
	r, err := s.Reader(ctx, streams.ReadOptions{From: seq, UpTo: last, StopAtEnd: true, HeadersOnly: true, InFlight: 256})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	next, err := r.Next(ctx)
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &next, nil
}
