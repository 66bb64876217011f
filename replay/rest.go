package replay

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"rosey/projector"
	"rosey/schema"
)

// rest is a database that another version of the program made: it is read, and
// nobody writes to it.
type rest struct {
	file       schema.Opened
	checkpoint schema.Checkpoint
}

// atRest looks at the store's current generation.
func atRest(ctx context.Context, store schema.Store) (_ *rest, err error) {
	g, err := store.Current()
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	info, err := os.Stat(g.Path)
	if err != nil {
		return nil, fmt.Errorf("replay: look at the tables: %w", err)
	}
	r := &rest{file: schema.Opened{Path: g.Path, File: info, Current: true, AtRest: true}}
	db, err := schema.OpenReader(ctx, g.Path)
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if r.checkpoint, err = schema.ReadCheckpoint(ctx, db); err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	return r, nil
}

// status is the state of a projector that stands still.
func (r *rest) status(running bool, trouble error, since time.Time) projector.Status {
	return projector.Status{
		Path: r.file.Path, Checkpoint: r.checkpoint, StreamSeq: r.checkpoint.Seq, LagUnknown: true, Running: running,
		Trouble: trouble, TroubleSince: since, LastError: trouble, LastErrorAt: since,
	}
}
