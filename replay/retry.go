package replay

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"rosey/schema"
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

// ClassErased is the reason class of a dead letter that is missing from the stream,
// and from the archive where there is one: a rebuild would not try it but leave it
// out.
const ClassErased = "erased"

// Retry tries dead letters again, all of them where none is named. Each is read
// with this program first; if any can be read the tables are rebuilt, so that
// nothing is applied out of order, and the rebuild finds out about the rest. The
// tables stay as they were if one that was named still fails, or all do: the
// error is ErrStillFails, and Failing names each. They stay as they were, too,
// where this program fails at an event that the one before applied: that is a
// *projector.NewFailureError. A running projector is a *schema.InUseError.
func Retry(ctx context.Context, store schema.Store, cfg Config, seqs []uint64) (Retried, error) {
	return retry(ctx, store, cfg, seqs, func(cfg Config) (Result, error) { return Swap(ctx, store, cfg) })
}

// retry leaves the rebuild to the caller.
func retry(ctx context.Context, store schema.Store, cfg Config, seqs []uint64, rebuild func(Config) (Result, error)) (Retried, error) {
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
	tries := &again{named: len(seqs) > 0, failing: map[uint64]Failing{}}
	if len(seqs) == 0 {
		seqs = slices.Collect(maps.Keys(dead))
	}
	tries.seqs = slices.Compact(slices.Sorted(slices.Values(seqs)))
	if err := tries.read(ctx, &cfg); err != nil {
		return res, err
	}
	if len(tries.seqs) == 0 {
		return res, nil // there is none
	}
	if err := tries.worthwhile(); err != nil {
		res.Failing = tries.failures()
		return res, err
	}
	cfg.Known, cfg.AcceptFailures, cfg.again = dead, false, tries
	built, err := rebuild(cfg)
	res.Failing = tries.failures()
	if err != nil {
		return res, err
	}
	res.Applied, res.Rebuild = tries.applied(), &built
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
