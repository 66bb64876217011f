package query

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"rosey/schema"
)

// atRest are tables that nobody writes to.
type atRest struct {
	file schema.Opened
	seq  uint64
}

// AtRest are the tables as they were left, for a Service to answer from while
// others are being made beside them. Nobody may write to them meanwhile. Tables of
// another version may lack something that is asked for: that is unavailable then.
// The error is schema.ErrNoDatabase where there are none that stay where they are.
func AtRest(ctx context.Context, store schema.Store) (Projection, error) {
	g, err := store.Current()
	if err == nil && g.Number == 0 {
		err = schema.ErrNoDatabase // a rebuild gives it another name
	}
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	info, err := os.Stat(g.Path)
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	t := &atRest{file: schema.Opened{Path: g.Path, File: info, Current: true, AtRest: true}}
	db, err := schema.OpenPool(ctx, t.file, 1)
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	c, err := schema.ReadCheckpoint(ctx, db)
	t.seq = c.Seq
	return t, errors.Join(err, db.Close())
}

// Database implements Projection.
func (t *atRest) Database() schema.Opened { return t.file }

// WaitFor implements Projection: what is not there does not come.
func (t *atRest) WaitFor(ctx context.Context, seq uint64) error {
	if seq <= t.seq {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

// Delay implements Projection.
func (t *atRest) Delay(time.Time) (uint64, time.Duration, bool) { return 0, 0, false }
