package replay

import (
	"context"
	"errors"
	"fmt"

	"rosey/projector"
	"rosey/schema"
)

// A takeover puts one finished database in the place of another, where it may have
// to be caught up first.
type takeover struct {
	f    *follower
	res  *Result
	old  string // the file that is compared with, "" for none
	swap func() error
}

// from has the projector go on in the follower's database.
func (t takeover) from(ctx context.Context, p *projector.Projector) error {
	err := t.f.near(ctx)
	if err == nil {
		err = p.HandOver(ctx, projector.Handover{
			Ready: func(at schema.Checkpoint) (*schema.DB, error) {
				t.f.swapping(at.Seq)
				t.f.cfg.Crash(crashBeforeHandOver)
				if err := t.f.over(ctx, at); err != nil {
					return nil, err
				}
				*t.res = t.f.add(*t.res)
				// With the work's own context: who cancelled by now is heard, and not later,
				// because the swap is no batch.
				if err := t.f.cfg.lost(ctx, t.f.db, at, t.old, t.res); err != nil {
					return nil, err
				}
				return t.f.db, nil
			},
			Swap: t.swap,
		})
	}
	if err != nil {
		return errors.Join(err, t.f.db.Close())
	}
	t.f.cfg.Crash(crashAfterHandOver)
	return nil
}

// fromRest puts the follower's database in the place of one that nobody writes to.
func (t takeover) fromRest(ctx context.Context, at schema.Checkpoint) error {
	err := t.f.near(ctx)
	if err == nil {
		err = t.f.over(ctx, at)
	}
	if err == nil {
		t.f.swapping(at.Seq)
		*t.res = t.f.add(*t.res)
		err = t.f.cfg.lost(ctx, t.f.db, at, t.old, t.res)
	}
	if err := errors.Join(err, t.f.db.Close()); err != nil {
		return err
	}
	return t.swap()
}

// rebuild makes the store's next generation beside a projector that goes on in the
// current one, and has it go on in the new one; beside nobody where there is no
// projector. Whoever calls it has the store's lock. The steps are:
//
//  1. newExchange refuses what may not be replaced, and names the next generation;
//     an interrupted one of the same kind is gone on with.
//  2. build applies the stream to that file, as far as the stream reached when it
//     began, and makes its indexes. The projector goes on in the old one.
//  3. follow opens the file as one that is written to live, and near catches up until
//     little is left.
//  4. The projector stands still between two transactions: over comes to its
//     checkpoint, lost looks at what the old tables have and the new ones have not,
//     and swap has the link name the new file. The projector goes on there.
//  5. prune removes generations that are too old.
//
// Whatever fails before the swap in 4 leaves the tables as they were, and the file is
// abandoned; an interruption in 2, and a failure that is new, leave one to go on with.
func rebuild(ctx context.Context, store schema.Store, cfg *Config, p *projector.Projector) (Result, error) {
	if _, err := store.Discard(); err != nil {
		return Result{}, fmt.Errorf("replay: %w", err)
	}
	x, err := newExchange(ctx, store, cfg)
	if err != nil {
		return Result{}, err
	}
	if err := x.build(ctx); err != nil {
		return x.res, err
	}
	f, err := follow(ctx, x.next.Path, cfg)
	if err != nil {
		return x.res, x.abandon(err)
	}
	t := takeover{f: f, res: &x.res, old: x.comparable(), swap: x.swap}
	if p != nil {
		err = t.from(ctx, p)
	} else {
		at := x.old.checkpoint
		if !x.old.related {
			at = schema.Checkpoint{}
		}
		err = t.fromRest(ctx, at)
	}
	if err != nil {
		return x.res, x.abandon(err)
	}
	cfg.meter.result(&x.res, x.res.Checkpoint)
	x.prune(ctx)
	return x.res, nil
}
