package projector

import (
	"context"
	"errors"
	"fmt"

	"rosey/schema"
)

// ErrBehind is returned for a database that would take readers back.
var ErrBehind = errors.New("the rebuilt database is behind the current one")

// errNotOpen: the projector has no database to hand over from, such as while
// another takes the place of a deleted one.
var errNotOpen = errors.New("no database is open just now")

// errEnded: Run has ended before there was anything to hand over to.
var errEnded = errors.New("projector: hand over: the projector has ended")

// Handover is a change from the open database to another of the same store.
type Handover struct {
	// Ready returns the other one, open, brought at least to the checkpoint of the
	// one that is open now. Nobody writes to that one from then on, so the time this
	// takes is time in which the tables stand still.
	Ready func(at schema.Checkpoint) (*schema.DB, error)
	// Swap has the store's link name the other one.
	Swap func() error
}

// handover is a Handover on its way to Run.
type handover struct {
	Handover
	done chan error
}

// HandOver has Run go on in another database, between two transactions: whoever
// asks this projector, or opens the link, finds the one or the other, and never a
// smaller checkpoint than before. After an error the projection goes on in the
// database that was open, and the other one is closed if it was ready. It waits for
// a Run that is at work; the context has to end when Run has.
func (p *Projector) HandOver(ctx context.Context, h Handover) error {
	asked := &handover{Handover: h, done: make(chan error, 1)}
	select {
	case p.handovers <- asked:
		return <-asked.done
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// answer tells the one who asked for the pending handover what came of it.
func (p *Projector) answer(err error) {
	if p.pending != nil {
		p.pending.done <- err
		p.pending = nil
	}
}

// handOver carries out the pending handover. Whatever can go wrong comes before
// the swap.
func (p *Projector) handOver(ctx context.Context) (err error) {
	if p.db == nil {
		return fmt.Errorf("projector: hand over: %w", errNotOpen)
	}
	p.file.mu.Lock()
	err = p.file.unchanged()
	p.file.mu.Unlock()
	if err == nil {
		err = p.locked()
	}
	if err != nil {
		return err // the next delivery opens what bears the name now
	}
	at := p.applier.Checkpoint()
	db, err := p.pending.Ready(at)
	if err != nil {
		return err
	}
	next, err := p.prepare(ctx, db, at)
	if err == nil {
		err = p.pending.Swap()
	}
	if err != nil {
		err = errors.Join(err, db.Close())
		next.file.done()
		return err
	}
	old, oldFile := p.db, p.file
	p.take(next)
	p.log.Info("handed over", "seq", p.applier.Checkpoint().Seq, "path", db.Path())
	// Those who still read it keep it open for themselves.
	if err := old.Close(); err != nil {
		p.log.Warn("the database before was not closed in order", "path", old.Path(), "err", err)
	}
	p.left = append(p.left, oldFile)
	return nil
}

// opened is a database with all that Run needs beside it.
type opened struct {
	db      *schema.DB
	file    *openFile
	applier *Applier
	dead    DeadLetters
}

// prepare makes sure that the projection can go on in the database without taking
// anybody back.
func (p *Projector) prepare(ctx context.Context, db *schema.DB, at schema.Checkpoint) (o opened, err error) {
	o.db = db
	if o.applier, err = NewApplier(ctx, db, p.applierConfig()); err != nil {
		return o, err
	}
	if now := o.applier.Checkpoint().Seq; now < at.Seq {
		return o, fmt.Errorf("projector: %w: seq=%d after seq=%d", ErrBehind, now, at.Seq)
	}
	if o.dead, err = countDeadLetters(ctx, db); err != nil {
		return o, err
	}
	o.file, err = look(p.cfg.Store.Link, db.Path())
	return o, err
}

// take makes an opened database the one that is written to.
func (p *Projector) take(o opened) {
	p.db, p.file, p.applier = o.db, o.file, o.applier
	p.status.open(schema.Opened{Path: o.db.Path(), File: o.file.main, Current: true}, o.applier.Checkpoint(), o.dead)
}
