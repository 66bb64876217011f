package projector

import (
	"context"
	"fmt"
	"iter"

	"rosey/events"
	"rosey/schema"
	"rosey/streams"
)

// CheckBeginning refuses a rebuild from nothing whose messages begin at a
// sequence, unless operators gave up what comes before. It is CheckStart for a
// rebuild that reads what the stream no longer holds from elsewhere; older are
// those messages, among which their decisions may be. They are read only where
// the stream's own do not suffice.
func CheckBeginning(ctx context.Context, s *streams.Stream, first uint64, older iter.Seq2[streams.Message, error]) error {
	if first <= 1 {
		return nil
	}
	d, err := readDecisions(ctx, s, s.Identity().ID)
	if err != nil {
		return err
	}
	if d.cover(1, first-1) {
		return nil
	}
	dec := events.NewDecoder()
	for m, err := range older {
		if err != nil {
			return fmt.Errorf("projector: look for decisions: %w", err)
		}
		switch kind, _, _ := events.ParseSubject(m.Subject); kind {
		case events.KindGapAccepted, events.KindStreamAdopted:
			d.note(dec, m)
		}
	}
	if d.cover(1, first-1) {
		return nil
	}
	return trimmedError(schema.Checkpoint{}, streams.State{FirstSeq: first})
}
