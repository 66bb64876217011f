package replay

import (
	"context"
	"errors"
	"fmt"

	"rosey/schema"
)

// exchange replaces a store's current generation by one that is made from the
// stream. Whoever has the store's lock takes its steps, in order; until the swap
// the readers' database is untouched.
type exchange struct {
	store schema.Store
	cfg   *Config
	old   current
	next  schema.Generation
	res   Result
	// pruning is set by the swap.
	pruning pruning
}

// newExchange refuses to replace a database that the stream does not continue,
// unless Force is set, and names the next one.
func newExchange(ctx context.Context, store schema.Store, cfg *Config) (*exchange, error) {
	if cfg.Channel != "" {
		return nil, fmt.Errorf("replay: %w", ErrLimited)
	}
	old, err := currentState(ctx, store, cfg)
	if err != nil {
		return nil, err
	}
	if err := cfg.lostAlready(ctx, &old); err != nil {
		return nil, err
	}
	if cfg.Known == nil {
		cfg.Known = old.dead
		// With nothing to compare with, no failure is new.
		cfg.AcceptFailures = cfg.AcceptFailures || !old.related || old.checkpoint.Seq == 0
	}
	if old.related {
		cfg.KnownTo, cfg.reach = old.checkpoint.Seq, old.checkpoint
	}
	if old.plain {
		// A database at the link's own place becomes a generation before the next
		// one has its number.
		if old.Generation, err = store.Adopt(); err != nil {
			return nil, fmt.Errorf("replay: %w", err)
		}
	}
	x := &exchange{store: store, cfg: cfg, old: old}
	// What an interrupted rebuild left is gone on with, or makes room.
	var left bool
	if x.next, left, err = store.Interrupted(); err == nil && !left {
		x.next, err = store.Begin()
	}
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	return x, nil
}

// build makes the next generation. After an error there is none, but for an
// interruption that it can be gone on after.
func (x *exchange) build(ctx context.Context) (err error) {
	if err = x.store.Room(x.next.Path); err == nil {
		x.res, err = build(ctx, x.next.Path, *x.cfg)
	}
	if err == nil {
		err = x.cfg.again.worthwhile()
	}
	if err != nil {
		return x.abandon(err)
	}
	return nil
}

// ahead makes sure that readers are not taken back.
func (x *exchange) ahead() error {
	if x.old.related && x.old.checkpoint.Seq > x.res.Seq {
		return fmt.Errorf("replay: %w: seq=%d after seq=%d", ErrBehind, x.res.Seq, x.old.checkpoint.Seq)
	}
	return nil
}

// compare notes what the old tables are made of and the next ones are not, and
// refuses where that is too much to be meant.
func (x *exchange) compare(ctx context.Context) (err error) {
	db, err := schema.OpenReader(ctx, x.next.Path)
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return x.cfg.lost(ctx, db, x.old.checkpoint, x.comparable(), &x.res)
}

// comparable is the file of the old tables, "" where there is nothing in them that is
// of this stream.
func (x *exchange) comparable() string {
	if !x.old.exists || !x.old.related {
		return ""
	}
	return x.old.Path
}

// swap shows the next generation to readers.
func (x *exchange) swap() error {
	if x.old.exists && (!x.old.related || x.old.from < x.res.From || x.res.manyErased) {
		// It holds what no rebuild gives again. Before the swap: after it, a rebuild
		// would take it for an old generation.
		if err := x.store.Retain(x.old.Generation); err != nil {
			return fmt.Errorf("replay: %w", err)
		}
		x.res.Kept = x.old.Path
	}
	x.cfg.Crash(crashBeforeSwap)
	x.pruning = newPruning(x.store, x.cfg)
	if err := x.store.Swap(x.next); err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	x.cfg.Crash(crashAfterSwap)
	return nil
}

// prune removes what is too old, unless the one that was replaced is kept.
func (x *exchange) prune(ctx context.Context) {
	if !x.cfg.Force && x.res.Kept == "" {
		x.pruning.after(ctx, &x.res)
	}
}

// abandon gives up the next generation, because of the error; one that can be gone
// on with stays.
func (x *exchange) abandon(err error) error {
	gone := x.store.Abandon(x.next)
	if gone != nil {
		gone = fmt.Errorf("replay: %w", gone)
	}
	return errors.Join(err, gone)
}
