package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"rosey/streams"
)

// witnessed is a part of the stream of which all that is left out was erased: the
// stream's leader says so. What a reader does not deliver may as well be what the
// replica that it reads has lost, or does not have yet, and nothing would tell the
// tables that take it for erased from those that are whole.
type witnessed struct {
	source
	erased func(context.Context) (runs [][2]uint64, first uint64, err error) // asks the stream
	at     uint64                                                            // the last sequence that was accounted for
	last   uint64

	runs  [][2]uint64 // what the stream lists as erased, once it was asked
	first uint64      // where it begins
}

// Next returns the next message, or an ErrLeftOut.
func (w *witnessed) Next(ctx context.Context) (streams.Message, error) {
	m, err := w.source.Next(ctx)
	if err != nil && !errors.Is(err, io.EOF) {
		return m, err
	}
	upTo := w.last
	if err == nil {
		upTo = m.Seq - 1
	}
	if goneErr := w.gone(ctx, w.at+1, upTo); goneErr != nil {
		return streams.Message{}, goneErr
	}
	w.at = max(w.at, upTo)
	if err == nil {
		w.at = m.Seq
	}
	return m, err
}

// gone makes sure that the stream holds none of the sequences.
func (w *witnessed) gone(ctx context.Context, from, to uint64) error {
	if from > to || w.lists(from, to) == 0 {
		return nil
	}
	// Erased since, or nobody has asked yet.
	if err := w.ask(ctx); err != nil {
		return err
	}
	if seq := w.lists(from, to); seq > 0 {
		return fmt.Errorf("%w: seq=%d, between seq=%d and seq=%d", ErrLeftOut, seq, from-1, to+1)
	}
	return nil
}

// lists returns the first of the sequences that is not listed as erased; 0 where all
// are. What was trimmed is no matter of its own: whoever reads finds that out.
func (w *witnessed) lists(from, to uint64) uint64 {
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

func (w *witnessed) ask(ctx context.Context) (err error) {
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
		if errors.Is(err, streams.ErrPermission) || errors.Is(err, streams.ErrNoStream) || errors.Is(err, streams.ErrNoLeader) {
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
