package spool

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// maxGroup bounds how many changes one transaction takes.
const maxGroup = 512

// changeFunc is one caller's share of a transaction. An error that it wraps with
// refuse concerns this caller alone and leaves no trace; any other one is the
// file's, and fails the transaction for everybody in it.
type changeFunc func(ctx context.Context, tx *session, st *state) error

type change struct {
	do   changeFunc
	done chan error
	// before and after name the crash points around the commit, if it has any.
	before, after string
	// patient says whether it may wait for company; nil: it may not.
	patient func(state) bool
}

// refusal is an error of one change that was found before it wrote anything.
type refusal struct{ err error }

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

// change hands fn to the writer and returns once it is on the disk. After the
// writer has taken it, only the disk decides: an answer that came earlier could
// not say whether the change happened.
func (s *Spool) change(ctx context.Context, fn changeFunc) error {
	return s.hand(ctx, change{do: fn})
}

// changeAt is change with crash points around the commit.
func (s *Spool) changeAt(ctx context.Context, before, after string, fn changeFunc) error {
	return s.hand(ctx, change{do: fn, before: before, after: after})
}

// changeSoon is change for what nobody waits for while patient says so of the
// state: it then shares the transaction of what comes next, if that comes soon.
func (s *Spool) changeSoon(ctx context.Context, patient func(state) bool, fn changeFunc) error {
	return s.hand(ctx, change{do: fn, patient: patient})
}

func (s *Spool) hand(ctx context.Context, c change) error {
	c.done = make(chan error, 1)
	select {
	case s.changes <- c:
		return <-c.done
	case <-s.stop:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// writer makes every change to the file, on one connection. Callers that arrive
// while it commits share the next transaction, so that the cost of a sync is
// spread over as many as wait, and one that is alone never waits for others.
type writer struct {
	spool *Spool
	conn  *session
	// stale is set by a failed transaction. An error of a commit does not say
	// what is on the disk, so the next transaction starts from what is read.
	stale bool
}

func (s *Spool) newWriter(ctx context.Context) (*writer, error) {
	c, err := s.db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("open connection: %w", err)
	}
	conn := newSession(c)
	if s.state, err = readState(ctx, conn, ""); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return &writer{spool: s, conn: conn}, nil
}

func (w *writer) run(ctx context.Context) {
	defer close(w.spool.written)
	defer func() { _ = w.conn.Close() }()
	for {
		select {
		case <-w.spool.stop:
			return
		case first := <-w.spool.changes:
			w.commit(ctx, w.collect(w.accompany(first)))
		}
	}
}

// companyWait is how long a patient change waits for company. At a hundred events
// a second the next one nearly always comes sooner, and the deletion of the one
// before it costs no transaction, and no sync, of its own.
const companyWait = 25 * time.Millisecond

// accompany waits for the first other change where the one at hand is patient.
func (w *writer) accompany(first change) []change {
	group := []change{first}
	if st, _ := w.spool.snapshot(); first.patient == nil || !first.patient(st) {
		return group
	}
	t := time.NewTimer(companyWait)
	defer t.Stop()
	select {
	case c := <-w.spool.changes:
		group = append(group, c)
	case <-t.C:
	case <-w.spool.closing:
	}
	return group
}

// collect adds those that wait already.
func (w *writer) collect(group []change) []change {
	for len(group) < maxGroup {
		select {
		case c := <-w.spool.changes:
			group = append(group, c)
		default:
			return group
		}
	}
	return group
}

// commit makes the changes in one transaction and tells each caller.
func (w *writer) commit(ctx context.Context, group []change) {
	accepted, st, err := w.transact(ctx, group)
	if err != nil {
		w.stale = true
		if _, rollback := w.conn.ExecContext(ctx, "ROLLBACK"); rollback != nil {
			w.spool.cfg.Logger.Debug("roll back", "err", rollback)
		}
		err = fmt.Errorf("commit: %w", classify(err))
	} else {
		w.spool.setState(st)
	}
	for _, c := range accepted {
		c.done <- err
	}
}

// transact returns the changes that are still to be told, and the state after
// them.
func (w *writer) transact(ctx context.Context, group []change) ([]change, state, error) {
	st, _ := w.spool.snapshot()
	if _, err := w.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return group, st, err
	}
	if w.stale {
		var err error
		if st, err = readState(ctx, w.conn, st.producer); err != nil {
			return group, st, err
		}
	}
	accepted := make([]change, 0, len(group))
	for i, c := range group {
		err := c.do(ctx, w.conn, &st)
		if r := (*refusal)(nil); errors.As(err, &r) {
			c.done <- r.err
			continue
		}
		accepted = append(accepted, c)
		if err != nil {
			return append(accepted, group[i+1:]...), st, err
		}
	}
	for _, c := range accepted {
		w.crash(c.before)
	}
	if _, err := w.conn.ExecContext(ctx, "COMMIT"); err != nil {
		return accepted, st, err
	}
	for _, c := range accepted {
		w.crash(c.after)
	}
	w.stale = false
	return accepted, st, nil
}

func (w *writer) crash(point string) {
	if point != "" {
		w.spool.cfg.Crash(point)
	}
}
