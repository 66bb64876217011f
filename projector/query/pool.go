package query

import (
	"context"
	"database/sql"
	"fmt"
	"runtime"
	"sync"
	"time"

	"rosey/schema"
)

// Projection is the projector whose tables are asked, in this process. A
// *projector.Projector is one.
type Projection interface {
	// Database is the file that is open. It may change at any time.
	Database() schema.Opened
	// WaitFor waits until a stream sequence is in the tables.
	WaitFor(ctx context.Context, seq uint64) error
	// Delay is how many events are yet to come, at most, and how long the oldest of
	// them has waited, where that is known.
	Delay(now time.Time) (events uint64, waited time.Duration, known bool)
}

// pool reads the projector's open database. When another takes its place, the
// questions that were begun are answered from the old one, and that is closed
// after the last of them.
type pool struct {
	tables Projection
	conns  int

	mu   sync.Mutex
	file *handle // nil before the first question
	open sync.Mutex
}

// handle is a database with its users.
type handle struct {
	file  schema.Opened
	db    *schema.DB
	users int // the pool is one of them while it is the pool's; belongs to pool.mu
}

func newPool(t Projection, conns int) *pool {
	if conns == 0 {
		conns = max(4, 2*runtime.GOMAXPROCS(0))
	}
	return &pool{tables: t, conns: conns}
}

// read answers a question in one transaction, so that all of the answer is of one
// moment, also while the projector writes. The error is schema.ErrNoDatabase
// where there are no tables now.
func (p *pool) read(ctx context.Context, question func(schema.Queryer) error) error {
	h, err := p.take(ctx)
	if err != nil {
		return err
	}
	defer p.giveBack(h)
	return inTransaction(ctx, h.db, question)
}

func inTransaction(ctx context.Context, db *schema.DB, question func(schema.Queryer) error) error {
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("query: read %s: %w", db.Path(), err)
	}
	defer func() { _ = tx.Rollback() }() // nothing was written
	return question(tx)
}

// take returns the database that is to be asked now.
func (p *pool) take(ctx context.Context) (*handle, error) {
	if h, err := p.present(); h != nil || err != nil {
		return h, err
	}
	// One opens it, the others wait for that one.
	p.open.Lock()
	defer p.open.Unlock()
	if h, err := p.present(); h != nil || err != nil {
		return h, err
	}
	now := p.tables.Database()
	if now.Path == "" || !now.Current {
		return nil, fmt.Errorf("query: %w", schema.ErrNoDatabase)
	}
	// It outlives this question.
	db, err := schema.OpenPool(context.WithoutCancel(ctx), now, p.conns)
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	h := &handle{file: now, db: db, users: 2}
	p.mu.Lock()
	old := p.file
	p.file = h
	p.mu.Unlock()
	p.giveBack(old)
	return h, nil
}

// present is the database that is open here, if it still is the one to ask; nil
// where another has to be opened.
func (p *pool) present() (*handle, error) {
	now := p.tables.Database()
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case now.Path == "":
		return nil, fmt.Errorf("query: %w", schema.ErrNoDatabase)
	case p.file != nil && (p.file.file.Same(now) || !now.Current):
		p.file.users++
		return p.file, nil
	}
	return nil, nil
}

func (p *pool) giveBack(h *handle) {
	if h == nil {
		return
	}
	p.mu.Lock()
	h.users--
	last := h.users == 0
	p.mu.Unlock()
	if last {
		_ = h.db.Close() // it was only read
	}
}

// close gives up the database. No question is asked any more.
func (p *pool) close() {
	p.mu.Lock()
	h := p.file
	p.file = nil
	p.mu.Unlock()
	p.giveBack(h)
}
