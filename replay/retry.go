package replay

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"rosey/events"
	"rosey/projector"
	"rosey/schema"
	"rosey/streams"
)

// ErrNoDeadLetter is returned by Retry for a sequence that is none.
var ErrNoDeadLetter = errors.New("no dead letter has this sequence")

// ErrStillFails is returned by Retry when nothing was rebuilt, because this
// program cannot read the events either.
var ErrStillFails = errors.New("this program cannot apply the event either")

// Retried is what Retry came to.
type Retried struct {
	// Applied are the dead letters that are none any more.
	Applied []uint64 `json:"applied"`
	// Failing are those that still cannot be applied.
	Failing []Failing `json:"failing"`
	// Rebuild is what the rebuild came to, null where there was none: then the
	// tables are as they were.
	Rebuild *Result `json:"rebuild"`
}

// Failing is a dead letter that this program cannot apply.
type Failing struct {
	Seq    uint64 `json:"seq"`
	Class  string `json:"reason_class"`
	Reason string `json:"reason"`
}

// ClassErased is the reason class of a dead letter that is missing from the
// stream: a rebuild would not try it but leave it out.
const ClassErased = "erased"

// Retry tries dead letters again, all of them where none is named. Each is read
// with this program first. If one that was named still fails, or all do, nothing
// more happens: the error is ErrStillFails. Otherwise the tables are rebuilt, so
// that nothing is applied out of order; a rebuild that comes to an event which
// still fails stops there, leaves the tables as they were, and returns a
// *projector.NewFailureError. A running projector is a *schema.InUseError.
func Retry(ctx context.Context, store schema.Store, cfg Config, seqs []uint64) (Retried, error) {
	var res Retried
	dead, err := storedDeadLetters(ctx, store)
	if err != nil {
		return res, err
	}
	for _, seq := range seqs {
		if _, ok := dead[seq]; !ok {
			return res, fmt.Errorf("replay: retry seq=%d: %w", seq, ErrNoDeadLetter)
		}
	}
	named := len(seqs) > 0
	if !named {
		seqs = slices.Sorted(maps.Keys(dead))
	}
	var fit []uint64
	for _, seq := range seqs {
		f, err := test(ctx, cfg.Stream, seq)
		switch {
		case err != nil:
			return res, err
		case f != nil:
			res.Failing = append(res.Failing, *f)
		default:
			fit = append(fit, seq)
		}
	}
	if named && len(res.Failing) > 0 || len(fit) == 0 && len(res.Failing) > 0 {
		f := res.Failing[0]
		return res, fmt.Errorf("replay: retry seq=%d: %w: %s: %s", f.Seq, ErrStillFails, f.Class, f.Reason)
	}
	if len(fit) == 0 {
		return res, nil // there is none
	}
	// A rebuild stops at failures that are new: those which are tried again are.
	for _, seq := range fit {
		delete(dead, seq)
	}
	cfg.Known, cfg.AcceptFailures = dead, false
	built, err := Swap(ctx, store, cfg)
	if err != nil {
		return res, err
	}
	res.Applied, res.Rebuild = fit, &built
	return res, nil
}

func storedDeadLetters(ctx context.Context, store schema.Store) (_ map[uint64]string, err error) {
	g, err := store.Current()
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	db, err := schema.OpenReader(ctx, g.Path)
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return DeadLetters(ctx, db)
}

// test reads an event with this program. What only shows when events are folded,
// the rebuild finds out.
func test(ctx context.Context, s *streams.Stream, seq uint64) (*Failing, error) {
	m, err := s.Get(ctx, seq)
	if errors.Is(err, streams.ErrMessageNotFound) {
		return &Failing{Seq: seq, Class: ClassErased, Reason: "the stream no longer holds it"}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("replay: retry seq=%d: %w", seq, err)
	}
	it := projector.Decode(events.NewDecoder(), *m)
	if it.Failure != nil {
		return &Failing{Seq: seq, Class: it.Failure.Class, Reason: it.Failure.Reason}, nil
	}
	return nil, nil
}
