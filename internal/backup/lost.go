package backup

import (
	"context"
	"errors"
	"fmt"

	"rosey/internal/loss"
	"rosey/schema"
)

// lost holds the copied database against the stream: a server that finds its store
// without a file goes on as if what was in it had been erased, and a copy of that is
// sound in itself.
func (t *taking) lost(ctx context.Context) error {
	copied := t.m.Stream
	if t.m.Database == nil {
		return t.unwitnessed(ctx)
	}
	// The stream was copied after the database.
	if t.made.UpTo > copied.LastSeq {
		return fmt.Errorf("%w: the database is at seq=%d, and the stream ends with seq=%d", ErrLostEnd, t.made.UpTo, copied.LastSeq)
	}
	list, err := t.made.Find(ctx, t.Stream)
	if err != nil {
		return err
	}
	t.m.Lost = loss.Of(list)
	before, err := t.made.Before(ctx, t.Stream, max(copied.FirstSeq, 1), "")
	if before != nil {
		t.note("%s: in this backup the tables alone hold them. Remove no older backup before it is known why; %s", before, loss.Settle)
	}
	return err
}

// unwitnessed says where a loss is likely, and no tables are here that would know.
func (t *taking) unwitnessed(ctx context.Context) error {
	list, err := loss.Tables{UpTo: t.m.Stream.LastSeq}.Find(ctx, t.Stream)
	if err == nil && list.Many() {
		t.note("the server lists many messages as erased: %s; without tables nobody can tell whether a damaged store has lost them", list.Describe())
	}
	return err
}

// madeOf reads what a copied database is made of, and leaves the copy as it is. Where its
// holes cannot be told, none are known.
func madeOf(ctx context.Context, path string, upTo uint64) (t loss.Tables, err error) {
	defer func() {
		if schema.IsDamage(err) {
			t, err = loss.Tables{UpTo: upTo}, nil
		}
	}()
	db, err := schema.OpenUntouched(ctx, path)
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return loss.Read(ctx, db)
}
