package replay

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"rosey/projector"
	"rosey/streams"
)

// again is the dead letters that a rebuild tries again. A nil one tries none.
type again struct {
	seqs    []uint64 // in order
	named   bool     // one by one: nothing is done unless all of them can be applied
	failing map[uint64]Failing
}

// read reads each with this program. What only shows when events are folded, the
// rebuild finds out.
func (a *again) read(ctx context.Context, s *streams.Stream) error {
	for _, seq := range a.seqs {
		f, err := test(ctx, s, seq)
		if err != nil {
			return err
		}
		if f != nil {
			a.failing[seq] = *f
		}
	}
	return nil
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
	if len(list) > 1 {
		return fmt.Errorf("replay: retry seq=%d and %d more: %w: %s: %s", list[0].Seq, len(list)-1, ErrStillFails, list[0].Class, list[0].Reason)
	}
	return fmt.Errorf("replay: retry seq=%d: %w: %s: %s", list[0].Seq, ErrStillFails, list[0].Class, list[0].Reason)
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
