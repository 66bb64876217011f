package streams

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// Source is where messages come from, in order; io.EOF ends them. One goroutine may use
// it at a time. A Reader is one.
type Source interface {
	Next(ctx context.Context) (Message, error)
	Close()
}

// Witnessed is a part of the stream of which all that is left out was erased: the
// stream's leader says so. What a reader does not deliver may as well be what the
// replica that it reads has lost, or does not have yet, and nothing would tell a copy
// that takes it for erased from one that is whole.
type Witnessed struct {
	Source
	erased func(context.Context) (runs [][2]uint64, first uint64, err error) // asks the stream
	at     uint64                                                            // the last sequence that was accounted for
	last   uint64

	runs  [][2]uint64 // what the stream lists as erased, once it was asked
	first uint64      // where it begins
}

// Witnessed has the leader vouch for what a source leaves out, which reads everything
// from one sequence to another, both included.
func (s *Stream) Witnessed(src Source, from, last uint64) *Witnessed {
	return &Witnessed{Source: src, erased: s.Erased, at: from - 1, last: last}
}

// Next returns the next message. The error is ErrLeftOut where the stream holds one
// before it, and ErrUnvouched where the leader could not be asked. All that was
// returned before stays vouched for.
func (w *Witnessed) Next(ctx context.Context) (Message, error) {
	m, err := w.Source.Next(ctx)
	if err != nil && !errors.Is(err, io.EOF) {
		return m, err
	}
	upTo := w.last
	if err == nil {
		upTo = m.Seq - 1
	}
	if goneErr := w.gone(ctx, w.at+1, upTo); goneErr != nil {
		return Message{}, goneErr
	}
	if err == nil {
		w.at = m.Seq
	}
	return m, err
}

// gone makes sure that the stream holds none of the sequences.
func (w *Witnessed) gone(ctx context.Context, from, to uint64) error {
	if from > to || w.lists(from, to) == 0 {
		return nil
	}
	// Erased since, or nobody has asked yet.
	if err := w.ask(ctx); err != nil {
		if ctx.Err() != nil {
			return err
		}
		return fmt.Errorf("%w between seq=%d and seq=%d: %w", ErrUnvouched, from-1, to+1, err)
	}
	if seq := w.lists(from, to); seq > 0 {
		return fmt.Errorf("%w: seq=%d, between seq=%d and seq=%d", ErrLeftOut, seq, from-1, to+1)
	}
	return nil
}

// lists returns the first of the sequences that is not listed as erased; 0 where all
// are. What was trimmed is no matter of its own: whoever reads finds that out.
func (w *Witnessed) lists(from, to uint64) uint64 {
	from = max(from, w.first)
	i, _ := slices.BinarySearchFunc(w.runs, from, func(run [2]uint64, seq uint64) int {
		if run[1] < seq {
			return -1
		}
		return 1
	})
	for ; from <= to && i < len(w.runs) && w.runs[i][0] <= from; i++ {
		from = w.runs[i][1] + 1
	}
	if from > to {
		return 0
	}
	return from
}

// How long the list is waited for, all questions together, and how often it is asked
// for meanwhile: the server may be about to come back.
const (
	askPatience = 30 * time.Second
	askEvery    = 250 * time.Millisecond
)

func (w *Witnessed) ask(ctx context.Context) (err error) {
	limited, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	for {
		runs, first, askErr := w.erased(limited)
		switch {
		case askErr == nil:
			w.runs, w.first = runs, first
			return nil
		case ctx.Err() != nil:
			return askErr
		case err == nil || limited.Err() == nil:
			err = askErr // the last that has a cause of its own
		}
		// Where a cluster has no leader the question has waited for one already.
		if errors.Is(err, ErrPermission) || errors.Is(err, ErrNoStream) || errors.Is(err, ErrNoLeader) {
			return err
		}
		select {
		case <-time.After(askEvery):
		case <-limited.Done():
		}
		if limited.Err() != nil {
			return cmp.Or(ctx.Err(), err)
		}
	}
}
