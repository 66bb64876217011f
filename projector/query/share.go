package query

import (
	"context"
	"errors"
	"sync"
)

// sharing lets equal questions be answered together. While one is being read, all
// that come meanwhile wait, and the next reading answers them all: nobody gets an
// answer that is older than the question, and however many ask the same, the
// tables are read by one of them at a time.
type sharing struct {
	mu    sync.Mutex
	turns map[string]*turn // the one that is being read, by question
}

// turn is one reading for many.
type turn struct {
	done chan struct{}
	next *turn // what came meanwhile; belongs to sharing.mu

	data any
	seq  uint64
	err  error
}

func newTurn() *turn { return &turn{done: make(chan struct{})} }

// do returns what a reading came to that began after do was called: the caller's
// own, or that of another who asks the same. The data belongs to all of them.
func (s *sharing) do(ctx context.Context, question string, read func(context.Context) (any, uint64, error)) (any, uint64, error) {
	for {
		t, before, mine := s.join(question)
		if mine {
			s.lead(ctx, question, t, before, read)
			return t.data, t.seq, t.err
		}
		select {
		case <-t.done:
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		}
		// Whoever read for all may have been in a hurry.
		if ctx.Err() == nil && (errors.Is(t.err, context.Canceled) || errors.Is(t.err, context.DeadlineExceeded)) {
			continue
		}
		return t.data, t.seq, t.err
	}
}

// join finds the next reading that has not begun. It is the caller's to do where
// nobody came before; then before is the one that is being read, nil for none.
func (s *sharing) join(question string) (t, before *turn, mine bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	running := s.turns[question]
	switch {
	case running == nil:
		if s.turns == nil {
			s.turns = map[string]*turn{}
		}
		t = newTurn()
		s.turns[question] = t
		return t, nil, true
	case running.next == nil:
		running.next = newTurn()
		return running.next, running, true
	}
	return running.next, running, false
}

// lead reads when it is the turn's time, for all who wait for it.
func (s *sharing) lead(ctx context.Context, question string, t, before *turn, read func(context.Context) (any, uint64, error)) {
	if before != nil {
		select {
		case <-before.done:
		case <-ctx.Done():
		}
	}
	defer s.finish(question, t, before)
	if t.err = ctx.Err(); t.err == nil {
		t.err = errAbandoned // should reading panic
		t.data, t.seq, t.err = read(ctx)
	}
}

// errAbandoned is what those get who waited for a reading that ended in a panic.
var errAbandoned = errors.New("query: whoever read for others did not come back")

// finish makes way for what came meanwhile.
func (s *sharing) finish(question string, t, before *turn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.turns[question] != t:
		before.next = nil // it gave up before it was its time
	case t.next != nil:
		s.turns[question] = t.next
	default:
		delete(s.turns, question)
	}
	close(t.done)
}
