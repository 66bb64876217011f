package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"rosey/events"
	"rosey/projector"
	"rosey/streams"
	"rosey/streams/archive"
)

// again is the dead letters that a rebuild tries again. A nil one tries none.
type again struct {
	seqs    []uint64 // in order
	named   bool     // one by one: nothing is done unless all of them can be applied
	failing map[uint64]Failing
}

// read reads each with this program. What only shows when events are folded, the
// rebuild finds out.
func (a *again) read(ctx context.Context, cfg *Config) error {
	var gone []uint64
	for _, seq := range a.seqs {
		m, err := cfg.Stream.Get(ctx, seq)
		switch {
		case errors.Is(err, streams.ErrMessageNotFound):
			gone = append(gone, seq)
		case err != nil:
			return fmt.Errorf("replay: retry seq=%d: %w", seq, err)
		default:
			a.test(m)
		}
	}
	return a.readArchived(ctx, cfg, gone)
}

// readArchived reads those that the stream no longer holds, in the archive as far as
// a rebuild would: where both reach, the stream decides.
func (a *again) readArchived(ctx context.Context, cfg *Config, gone []uint64) error {
	if len(gone) == 0 {
		return nil
	}
	for _, seq := range gone {
		a.failing[seq] = Failing{Seq: seq, Class: ClassErased, Reason: notHeld}
	}
	if cfg.Archive == nil {
		return nil
	}
	for _, seq := range gone {
		a.failing[seq] = Failing{Seq: seq, Class: ClassErased, Reason: notArchived}
	}
	state, err := cfg.Stream.State(ctx)
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	if _, _, err := cfg.history(ctx); err != nil {
		return err // it is not this stream's
	}
	from, to := max(gone[0], cfg.Archive.FirstSeq()), min(gone[len(gone)-1], cfg.Archive.LastSeq(), state.FirstSeq-1)
	if from > to {
		return nil
	}
	r, err := cfg.Archive.Reader(archive.ReadOptions{From: from, UpTo: to})
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	defer r.Close()
	for {
		m, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("replay: %w", err)
		}
		if _, asked := slices.BinarySearch(gone, m.Seq); asked {
			delete(a.failing, m.Seq)
			a.test(&m)
		}
	}
}

// Why an event is of ClassErased.
const (
	notHeld     = "the stream no longer holds it"
	notArchived = "neither the stream holds it, nor what a rebuild reads of the archive"
)

// notTriedError is ErrStillFails for events that nobody has to try: of them nothing is
// known but that they failed once.
type notTriedError struct{ reason string }

func (e *notTriedError) Error() string { return "the event was not tried: " + e.reason }

// Is makes errors.Is(err, ErrStillFails) hold: nothing was rebuilt.
func (e *notTriedError) Is(target error) bool { return target == ErrStillFails }

// test reads an event with this program. What only shows when events are folded,
// the rebuild finds out.
func (a *again) test(m *streams.Message) {
	if f := projector.Decode(events.NewDecoder(), *m).Failure; f != nil {
		a.failing[m.Seq] = Failing{Seq: m.Seq, Class: f.Class, Reason: f.Reason}
	}
}

// fails notes a failure of the rebuild and reports whether it is of an event that
// was tried again: the rebuild goes on then, to find the others.
func (a *again) fails(seq uint64, f projector.Failure) bool {
	if a == nil {
		return false
	}
	if _, found := slices.BinarySearch(a.seqs, seq); !found {
		return false
	}
	a.failing[seq] = Failing{Seq: seq, Class: f.Class, Reason: f.Reason}
	return true
}

// worthwhile is ErrStillFails where the tables are to stay as they are.
func (a *again) worthwhile() error {
	if a == nil || len(a.failing) == 0 || !a.named && len(a.failing) < len(a.seqs) {
		return nil
	}
	list := a.failures()
	// One that was tried says more than one that was not.
	first := list[max(0, slices.IndexFunc(list, func(f Failing) bool { return f.Class != ClassErased }))]
	cause := fmt.Errorf("%w: %s: %s", ErrStillFails, first.Class, first.Reason)
	if first.Class == ClassErased {
		cause = &notTriedError{first.Reason}
	}
	if len(list) > 1 {
		return fmt.Errorf("replay: retry seq=%d and %d more: %w", first.Seq, len(list)-1, cause)
	}
	return fmt.Errorf("replay: retry seq=%d: %w", first.Seq, cause)
}

func (a *again) failures() []Failing {
	list := make([]Failing, 0, len(a.failing))
	for _, seq := range slices.Sorted(maps.Keys(a.failing)) {
		list = append(list, a.failing[seq])
	}
	return list
}

func (a *again) applied() []uint64 {
	list := make([]uint64, 0, len(a.seqs))
	for _, seq := range a.seqs {
		if _, failed := a.failing[seq]; !failed {
			list = append(list, seq)
		}
	}
	return list
}
