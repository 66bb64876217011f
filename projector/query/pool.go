package query

import (
	"context"
	"errors"
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
	file *handle       // nil before the first question
	open chan struct{} // whoever opens another holds its one place
}

// handle is a database with its users.
type handle struct {
	file    schema.Opened
	db      *schema.DB
	readers chan *reader // those at rest
	users   int          // the pool is one of them while it is the pool's; belongs to pool.mu
}

// openHandle opens the file with all the connections that will ever lead there.
func openHandle(ctx context.Context, file schema.Opened, conns int) (_ *handle, err error) {
	h := &handle{file: file, readers: make(chan *reader, conns), users: 1}
	if h.db, err = schema.OpenPool(ctx, file, conns); err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	for range conns {
		r, err := newReader(ctx, h.db)
		if err != nil {
			return nil, errors.Join(err, h.close())
		}
		h.readers <- r
	}
	return h, nil
}

// close ends the connections, all of which are at rest.
func (h *handle) close() error {
	close(h.readers)
	var errs []error
	for r := range h.readers {
		errs = append(errs, r.close())
	}
	return errors.Join(append(errs, h.db.Close())...)
}

func newPool(t Projection, conns int) *pool {
	if conns == 0 {
		conns = max(4, 2*runtime.GOMAXPROCS(0))
	}
	return &pool{tables: t, conns: conns, open: make(chan struct{}, 1)}
}

// read answers a question in one transaction, so that all of the answer is of one
// moment, also while the projector writes. The error is schema.ErrNoDatabase
// where there are no tables now.
func (p *pool) read(ctx context.Context, question func(schema.Queryer) error) error {
	err := p.readOnce(ctx, question)
	if errors.Is(err, errBroken) {
		err = p.readOnce(ctx, question) // nothing was asked as yet
	}
	return err
}

func (p *pool) readOnce(ctx context.Context, question func(schema.Queryer) error) error {
	h, err := p.take(ctx)
	if err != nil {
		return err
	}
	defer p.giveBack(h)
	select {
	case r := <-h.readers:
		defer func() { h.readers <- r }()
		err := r.read(ctx, question)
		if errors.Is(err, errBroken) {
			p.forget(h)
		}
		if h.file.AtRest && schema.IsDamage(err) && schema.IsSQLite(err) {
			err = fmt.Errorf("%w: %w", schema.ErrNoDatabase, err) // its tables are others
		}
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// take returns the database that is to be asked now.
func (p *pool) take(ctx context.Context) (*handle, error) {
	if h, err := p.present(); h != nil || err != nil {
		return h, err
	}
	// One opens it, the others wait for that one.
	select {
	case p.open <- struct{}{}:
		defer func() { <-p.open }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if h, err := p.present(); h != nil || err != nil {
		return h, err
	}
	now := p.tables.Database()
	if now.Path == "" || !now.Current {
		return nil, fmt.Errorf("query: %w", schema.ErrNoDatabase)
	}
	// It outlives this question.
	h, err := openHandle(context.WithoutCancel(ctx), now, p.conns)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	old := p.file
	p.file = h
	h.users++
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
		_ = h.close() // it was only read
	}
}

// forget has the next question open the database anew.
func (p *pool) forget(h *handle) {
	p.mu.Lock()
	own := h != nil && p.file == h
	if own {
		p.file = nil
	}
	p.mu.Unlock()
	if own {
		p.giveBack(h)
	}
}

// close gives up the database. No question is asked any more.
func (p *pool) close() {
	p.mu.Lock()
	h := p.file
	p.mu.Unlock()
	p.forget(h)
}
