package replay

import (
	"context"
	"errors"
	"fmt"

	"rosey/projector"
	"rosey/schema"
)

// Undo makes the generation current again that was so before the present one,
// caught up with the stream; another Undo goes back to the present one. A
// generation that this program did not make, or that the stream does not continue,
// is a *projector.StartError; where there is none any more it is
// schema.ErrNoPrevious. A running projector is a *schema.InUseError.
func Undo(ctx context.Context, store schema.Store, cfg Config) (_ Result, err error) {
	cfg.defaults()
	release, err := store.Lock(ctx)
	if err != nil {
		return Result{}, fmt.Errorf("replay: %w", err)
	}
	defer func() { err = errors.Join(err, release()) }()
	if _, err := store.Discard(); err != nil {
		return Result{}, fmt.Errorf("replay: %w", err)
	}
	res, err := undo(ctx, store, &cfg, nil)
	if err == nil {
		cfg.Progress(res.done())
	}
	return res, err
}

// undo goes back beside a running projector, or beside nobody.
func undo(ctx context.Context, store schema.Store, cfg *Config, p *projector.Projector) (res Result, err error) {
	g, err := store.Previous()
	if err != nil {
		return res, fmt.Errorf("replay: %w", err)
	}
	replaced, err := store.Current()
	if err != nil {
		return res, fmt.Errorf("replay: %w", err)
	}
	f, err := reopenPrevious(ctx, g, cfg)
	if err != nil {
		return res, err
	}
	if res.From, err = beginsAt(ctx, f.db); err != nil {
		return res, errors.Join(err, f.db.Close())
	}
	var old pruning
	t := takeover{f: f, res: &res, old: replaced.Path, swap: func() error {
		if res.manyErased {
			if err := store.Retain(replaced); err != nil {
				return fmt.Errorf("replay: %w", err)
			}
			res.Kept = replaced.Path
		}
		cfg.Crash(crashBeforeSwap)
		old = newPruning(store, cfg)
		if err := store.Swap(g); err != nil {
			return fmt.Errorf("replay: %w", err)
		}
		cfg.Crash(crashAfterSwap)
		return nil
	}}
	if p != nil {
		err = t.from(ctx, p)
	} else {
		var at schema.Checkpoint
		if at, err = currentCheckpoint(ctx, store); err == nil {
			err = t.fromRest(ctx, at)
		}
	}
	if err != nil {
		return res, errors.Join(err, f.db.Close())
	}
	cfg.meter.result(&res, res.Checkpoint)
	old.after(ctx, &res)
	return res, nil
}

// reopenPrevious opens an old generation, if the projection can go on in it.
func reopenPrevious(ctx context.Context, g schema.Generation, cfg *Config) (_ *follower, err error) {
	if err := adoptPrevious(ctx, g, cfg); err != nil {
		return nil, err
	}
	f, err := follow(ctx, g.Path, cfg)
	if errors.Is(err, projector.ErrOtherProgram) {
		return nil, &projector.StartError{
			Reason: projector.ErrOtherProgram, Detail: g.Path,
			Remedy: "go back to that version of the program, which makes its tables again; or keep those there are",
		}
	}
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.db.Close())
		}
	}()
	err = projector.CheckStart(ctx, cfg.Stream, f.applier.Checkpoint())
	if err == nil {
		err = projector.CheckWhole(ctx, f.db)
	}
	if err != nil {
		return nil, notGivingUp(err)
	}
	found, err := schema.Check(ctx, f.db, 1)
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	if found.Different > 0 {
		return nil, &projector.StartError{
			Reason: projector.ErrDamaged, Detail: fmt.Sprintf("%s: %s", g.Path, found.Differences[0].String()),
			Remedy: "keep the tables there are; `rosey replay` makes them again",
		}
	}
	return f, nil
}

// adoptPrevious has an old generation go on with a stream that was adopted since as
// the one that continues its own. That is safe where a projector that still had it
// would go on, too: a decision in the stream says so, and the stream holds the very
// message of its checkpoint. What follows is in the stream, the decision among it.
func adoptPrevious(ctx context.Context, g schema.Generation, cfg *Config) (err error) {
	db, err := schema.OpenWriter(ctx, g.Path)
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	c, err := schema.ReadCheckpoint(ctx, db)
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	if print, err := projector.Fingerprint(cfg.DefaultChannel); err != nil || print != c.Fingerprint {
		return err // it is left as it is, and refused
	}
	if now := cfg.Stream.Identity().ID; c.StreamID == "" || c.StreamID == now {
		return nil
	}
	if err := projector.CheckWhole(ctx, db); err != nil {
		return err
	}
	if err := projector.CheckStart(ctx, cfg.Stream, c); err != nil {
		return otherStream(err, g)
	}
	if _, err := projector.Adopt(ctx, db, cfg.Stream, c); err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	cfg.Logger.Info("the generation before goes on with the adopted stream", "path", g.Path, "seq", c.Seq)
	return nil
}

// otherStream says why a generation of another stream is not gone back to.
func otherStream(err error, g schema.Generation) error {
	var refused *projector.StartError
	if errors.As(err, &refused) {
		refused.Detail = fmt.Sprintf("%s: %s; a stream goes on with it only where it was adopted as the one that continues that (%s), and holds the message of the checkpoint",
			g.Path, refused.Detail, projector.FlagAdoptStream)
		refused.Remedy, refused.Flag = "keep the tables there are; the old ones can be read where they are (rosey stats ... --db "+g.Path+")", ""
	}
	return err
}

// notGivingUp keeps a refusal from offering what no undo does.
func notGivingUp(err error) error {
	var refused *projector.StartError
	if errors.As(err, &refused) {
		refused.Remedy, refused.Flag = "keep the tables there are; `rosey replay` makes them again from this stream", ""
	}
	return err
}

func currentCheckpoint(ctx context.Context, store schema.Store) (_ schema.Checkpoint, err error) {
	g, err := store.Current()
	if err != nil {
		return schema.Checkpoint{}, fmt.Errorf("replay: %w", err)
	}
	db, err := schema.OpenReader(ctx, g.Path)
	if err != nil {
		return schema.Checkpoint{}, fmt.Errorf("replay: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	c, err := schema.ReadCheckpoint(ctx, db)
	if err != nil {
		return c, fmt.Errorf("replay: %w", err)
	}
	return c, nil
}
