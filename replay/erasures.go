package replay

import (
	"context"
	"errors"
	"fmt"

	"rosey/projector"
	"rosey/schema"
	"rosey/streams"
)

// FlagAcceptErased is the option of the commands that sets Config.AcceptErased.
const FlagAcceptErased = "--accept-erased"

// lost compares tables that are to take the place of others with those, and notes in
// the result what the stream lost in between. Where that looks like a damaged store,
// the others may be the only copy: nobody puts these in their place without being asked.
func (c *Config) lost(ctx context.Context, now schema.Queryer, old schema.Checkpoint, path string, res *Result) error {
	missing, err := holes(ctx, now)
	if err != nil {
		return err
	}
	res.Erased = countBetween(missing, res.From)
	if path == "" {
		return nil
	}
	known, err := knownHoles(ctx, path, old)
	if err != nil {
		return err
	}
	list := erasures(missing, known, res.From)
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
	state, err := c.Stream.State(ctx)
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	if state.Deleted == 0 {
		return nil
	}
	runs, first, err := c.Stream.Erased(ctx)
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	known, err := knownHoles(ctx, old.Path, old.checkpoint)
	if err != nil {
		return err
	}
	missing := make([]hole, len(runs))
	for i, r := range runs {
		missing[i] = hole{r[0], r[1]}
	}
	// What comes before the stream's first message an archive may hold.
	if list := erasures(missing, known, first); list.Many() {
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

// knownHoles are the holes of the tables at a path. Where the damage that a rebuild is
// to mend hides them, none are known.
func knownHoles(ctx context.Context, path string, c schema.Checkpoint) (list []hole, err error) {
	defer func() {
		if schema.IsDamage(err) {
			list, err = []hole{{c.Seq + 1, endless}}, nil
		}
	}()
	db, err := schema.OpenReader(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return holes(ctx, db)
}

// erasedSince counts the messages that one database is made of and the other, made
// from the stream as it is now, is not.
func erasedSince(ctx context.Context, now, before schema.Queryer) (uint64, error) {
	missing, err := holes(ctx, now)
	if err != nil {
		return 0, err
	}
	known, err := holes(ctx, before)
	if err != nil {
		return 0, err
	}
	return erasures(missing, known, 1).Messages(), nil
}

// erasures are the holes, from a sequence on, that are not known yet, each as far as
// it is not. Both lists are in order.
func erasures(missing, known []hole, from uint64) (list streams.Erasures) {
	k := 0
	for _, m := range missing {
		at := max(m.first, from)
		for k < len(known) && known[k].last < at {
			k++
		}
		var e streams.Erasure
		take := func(first, last uint64) {
			if first > last {
				return
			}
			if e.Messages == 0 {
				e.First = first
			}
			e.Last, e.Messages = last, e.Messages+last-first+1
		}
		for i := k; i < len(known) && known[i].first <= m.last; i++ {
			take(at, known[i].first-1)
			at = known[i].last + 1
		}
		take(at, m.last)
		if e.Messages > 0 {
			list = append(list, e)
		}
	}
	return list
}

// hole is a run of sequences that a database is not made of.
type hole struct{ first, last uint64 }

// endless is the end of what lies beyond a checkpoint.
const endless = 1<<63 - 1

// holes lists them from the first sequence to the checkpoint, and what lies beyond
// it: messages at the end may be gone as well. Tables that have no checkpoint yet are
// made of nothing.
func holes(ctx context.Context, q schema.Queryer) (_ []hole, err error) {
	rows, err := q.QueryContext(ctx, `SELECT first_seq, last_seq FROM stream_holes
		UNION ALL SELECT coalesce((SELECT seq FROM projection_state), 0) + 1, 9223372036854775807 ORDER BY 1`)
	if err != nil {
		return nil, fmt.Errorf("replay: read the holes: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var list []hole
	for rows.Next() {
		var h hole
		if err := rows.Scan(&h.first, &h.last); err != nil {
			return nil, fmt.Errorf("replay: read the holes: %w", err)
		}
		list = append(list, h)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("replay: read the holes: %w", err)
	}
	return list, nil
}

// countBetween counts what is missing from a sequence to the checkpoint.
func countBetween(missing []hole, from uint64) (n uint64) {
	for _, h := range missing {
		if at := max(h.first, from); h.last < endless && h.last >= at {
			n += h.last - at + 1
		}
	}
	return n
}
