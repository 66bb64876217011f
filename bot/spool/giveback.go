package spool

import (
	"context"
	"fmt"
)

// How much free space a spool keeps in its file, and how much it gives back to
// the disk at once; in pages of 4 KiB. Events that are put meanwhile wait for it.
const (
	keepPages = 1024
	givePages = 1024
	// lookForFree is how many bytes leave the queue before the file is looked at
	// again.
	lookForFree = 1 << 20
)

// giveBack gives free pages back where there may be any: a queue that holds a few
// rows at a time uses the same pages again and again.
func (d *drainer) giveBack(ctx context.Context) error {
	if d.removed < lookForFree {
		return nil
	}
	if err := d.spool.giveBack(ctx); err != nil {
		return err
	}
	if d.spool.Depth().Events == 0 {
		d.removed = 0
	}
	return nil
}

// giveBack shrinks the file step by step once the queue is empty, so that an
// outage of days does not take its disk space for good.
func (s *Spool) giveBack(ctx context.Context) error {
	for s.Depth().Events == 0 && ctx.Err() == nil {
		free, err := pragma(ctx, s.db, "freelist_count")
		if err != nil {
			return err
		}
		if free <= keepPages {
			return nil
		}
		err = s.change(ctx, func(ctx context.Context, tx *session, _ *state) error {
			// A page is freed by each step of the statement.
			rows, err := tx.QueryContext(ctx, fmt.Sprintf("PRAGMA incremental_vacuum(%d)", min(givePages, free-keepPages)))
			if err != nil {
				return err
			}
			for rows.Next() {
			}
			if err := rows.Err(); err != nil {
				_ = rows.Close()
				return err
			}
			return rows.Close()
		})
		if err != nil {
			return fmt.Errorf("give back %d free pages: %w", free, err)
		}
	}
	return nil
}
