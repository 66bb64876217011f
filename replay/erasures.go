package replay

import (
	"context"
	"errors"
	"fmt"

	"rosey/internal/loss"
	"rosey/projector"
	"rosey/schema"
	"rosey/streams"
)

// FlagAcceptErased is the option of the commands that sets Config.AcceptErased.
const FlagAcceptErased = loss.FlagAccept

// lost compares tables that are to take the place of others with those, and notes in
// the result what the stream lost in between. Where that looks like a damaged store,
// the others may be the only copy: nobody puts these in their place without being asked.
func (c *Config) lost(ctx context.Context, now schema.Queryer, old schema.Checkpoint, path string, res *Result) error {
	rebuilt, err := madeOf(ctx, now)
	if err != nil {
		return err
	}
	res.Erased = countBetween(rebuilt, res.From)
	if path == "" {
		return nil
	}
	before, err := madeOfAt(ctx, path, old)
	if err != nil {
		return err
	}
	list := before.Have(rebuilt.Lack(), res.From)
	res.ErasedSince, res.manyErased = list.Messages(), list.Many()
	if res.manyErased && !c.AcceptErased {
		return manyErased(list)
	}
	return nil
}

// lostAlready is what a rebuild would be refused for, known before it begins: what the
// stream lists now, and the tables have.
func (c *Config) lostAlready(ctx context.Context, old *current) error {
	if c.AcceptErased || !old.exists || !old.related || old.checkpoint.Seq == 0 {
		return nil
	}
	before, err := madeOfAt(ctx, old.Path, old.checkpoint)
	if err != nil {
		return err
	}
	list, err := before.Find(ctx, c.Stream)
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	if list.Many() {
		return manyErased(list)
	}
	return nil
}

// manyErased refuses to replace what may be the only copy.
func manyErased(list streams.Erasures) error {
	return &projector.StartError{
		Reason: ErrManyErased,
		Detail: list.Describe(),
		Remedy: "keep the tables there are, which may be the only copy, and look whether the store is damaged: rosey doctor. If it is, restore the stream from a backup or an archive that holds them; " +
			"if they were erased on purpose: rosey replay " + FlagAcceptErased + ", which keeps the tables before as a file",
	}
}

// madeOf is what a database is made of.
func madeOf(ctx context.Context, q schema.Queryer) (loss.Tables, error) {
	t, err := loss.Read(ctx, q)
	if err != nil {
		return t, fmt.Errorf("replay: %w", err)
	}
	return t, nil
}

// madeOfAt is what the tables at a path are made of. Where the damage that a rebuild is
// to mend hides their holes, none are known.
func madeOfAt(ctx context.Context, path string, c schema.Checkpoint) (t loss.Tables, err error) {
	defer func() {
		if schema.IsDamage(err) {
			t, err = loss.Tables{UpTo: c.Seq}, nil
		}
	}()
	db, err := schema.OpenReader(ctx, path)
	if err != nil {
		return t, fmt.Errorf("replay: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return madeOf(ctx, db)
}

// erasedSince counts the messages that one database is made of and the other, made
// from the stream as it is now, is not.
func erasedSince(ctx context.Context, now, before schema.Queryer) (uint64, error) {
	rebuilt, err := madeOf(ctx, now)
	if err != nil {
		return 0, err
	}
	live, err := madeOf(ctx, before)
	if err != nil {
		return 0, err
	}
	return live.Have(rebuilt.Lack(), 1).Messages(), nil
}

// countBetween counts what is missing from a sequence to the checkpoint.
func countBetween(t loss.Tables, from uint64) (n uint64) {
	for _, h := range t.Holes {
		if at := max(h[0], from); h[1] >= at {
			n += h[1] - at + 1
		}
	}
	return n
}
