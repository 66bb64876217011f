package projector

import (
	"context"
	"errors"
	"fmt"

	"rosey/schema"
)

// Pass moves the checkpoint over messages that were erased from the end of the
// stream, to one that another database of the same stream had before they were:
// nobody who read that one is taken back. What is passed over is a hole. The caller
// has found that the stream holds nothing between the two. A checkpoint that is not
// ahead changes nothing.
func (a *Applier) Pass(ctx context.Context, to schema.Checkpoint) (err error) {
	if err := a.refresh(ctx); err != nil {
		return err
	}
	if to.Seq <= a.checkpoint.Seq {
		return nil
	}
	tx, err := a.statements.begin(ctx)
	if err != nil {
		return fmt.Errorf("projector: begin: %w", err)
	}
	finished := false
	defer func() {
		if !finished {
			a.stale = true
			err = errors.Join(err, rollback(tx))
		}
	}()
	if err := a.agree(ctx, tx); err != nil {
		return err
	}
	next := a.checkpoint
	next.Seq, next.TimeMS, next.MsgID = to.Seq, to.TimeMS, to.MsgID
	a.hole(a.checkpoint.Seq+1, next.Seq)
	if err := a.holes.flush(ctx, &writer{tx: tx, loading: a.cfg.Loading}); err != nil {
		return fmt.Errorf("projector: write: %w", err)
	}
	if err := schema.WriteCheckpoint(ctx, tx, next); err != nil {
		return fmt.Errorf("projector: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("projector: commit checkpoint %d: %w", next.Seq, err)
	}
	finished = true
	a.checkpoint = next
	return a.loadHole(ctx)
}

// hole notes that the stream lacks a run of sequences. One after a checkpoint that
// was passed to is the same hole: a rebuild finds one there.
func (a *Applier) hole(first, last uint64) {
	if first == a.checkpoint.Seq+1 && a.passedFrom > 0 {
		first = a.passedFrom
	}
	a.holes.add(int64(first), int64(last))
}

// loadHole reads whether the checkpoint is the end of a hole.
func (a *Applier) loadHole(ctx context.Context) error {
	a.passedFrom = 0
	err := a.db.QueryRowContext(ctx, "SELECT coalesce(max(first_seq), 0) FROM stream_holes WHERE last_seq = ?", int64(a.checkpoint.Seq)).Scan(&a.passedFrom)
	if err != nil {
		return fmt.Errorf("projector: load: %w", err)
	}
	return nil
}
