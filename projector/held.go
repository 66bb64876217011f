package projector

import (
	"context"
	"errors"
	"fmt"
)

// held is what the batches of a rebuild change in rows that would be written again
// and again, put together in memory. It outlasts a batch that is applied a second
// time, so what a batch changes is taken in once it is committed, and not before.
type held struct {
	totals   heldTotals
	sessions heldSessions
}

func (h *held) flush(ctx context.Context, w *writer) error {
	if err := h.totals.flush(ctx, w); err != nil {
		return err
	}
	return h.sessions.flush(ctx, w)
}

func (h *held) committed() {
	h.totals.committed()
	h.sessions.committed()
}

func (h *held) abandon() {
	h.totals.abandon()
	h.sessions.abandon()
}

func (h *held) empty() bool { return len(h.totals.held.order) == 0 && len(h.sessions.held) == 0 }

func (h *held) write(ctx context.Context, w *writer) error {
	if err := h.totals.held.write(ctx, w); err != nil {
		return err
	}
	return h.sessions.write(ctx, w)
}

// heldTotals are what is added to user_stats: most users are in most batches.
type heldTotals struct {
	held    userDeltas
	batch   userDeltas // of the batch that is being written
	most    int        // users that are held
	writing bool       // what is held goes to the rows with that batch
}

// maxHeldTotals bounds the memory for them.
const maxHeldTotals = 20_000

// userDeltas are deltas in the order in which their users were met.
type userDeltas struct {
	of    map[userKey]*userDelta
	order []userKey
}

func newUserDeltas() userDeltas { return userDeltas{of: map[userKey]*userDelta{}} }

// add puts a later delta of the same user on top.
func (d *userDelta) add(later *userDelta) {
	d.username = later.username
	d.first, d.last = min(d.first, later.first), max(d.last, later.last)
	d.lines += later.lines
	d.joins += later.joins
	d.connectedMS += later.connectedMS
	d.afkMS += later.afkMS
	if later.rank != nil {
		d.rank = later.rank
	}
	if later.startSet {
		d.start, d.startSet = later.start, true
	}
}

func (h *heldTotals) flush(ctx context.Context, w *writer) error {
	if len(h.held.order) < h.most {
		return nil
	}
	h.writing = true
	return h.held.write(ctx, w)
}

// committed takes in what the batch adds.
func (h *heldTotals) committed() {
	if h.writing || h.held.of == nil {
		h.held = newUserDeltas()
	}
	for _, k := range h.batch.order {
		if d := h.held.of[k]; d != nil {
			d.add(h.batch.of[k])
			continue
		}
		h.held.of[k] = h.batch.of[k]
		h.held.order = append(h.held.order, k)
	}
	h.abandon()
}

// abandon forgets a batch.
func (h *heldTotals) abandon() { h.batch, h.writing = userDeltas{}, false }

// Settle writes what is held back while a database is loaded. Until then its rows
// are not what its checkpoint says, so it comes before the database is finished, as
// a part of Complete, and before it is left to be gone on with later.
func (a *Applier) Settle(ctx context.Context) (err error) {
	if a.held.empty() {
		return nil
	}
	tx, err := a.statements.begin(ctx)
	if err != nil {
		return fmt.Errorf("projector: begin: %w", err)
	}
	if err := a.held.write(ctx, &writer{tx: tx, loading: true}); err != nil {
		return errors.Join(fmt.Errorf("projector: write what was held back: %w", err), rollback(tx))
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("projector: commit what was held back: %w", err)
	}
	a.held.totals.held, a.held.sessions.held = userDeltas{}, nil
	return nil
}
