package spool

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// Spool is one open spool. Its methods may be called concurrently.
type Spool struct {
	cfg  Config
	lock *flock.Flock
	db   *sql.DB

	changes chan change
	closing chan struct{} // closed by Close: a running Drain ends
	stop    chan struct{} // closed after that: the writer ends
	written chan struct{} // closed when the writer has ended

	mu      sync.Mutex
	state   state
	changed chan struct{} // closed when state changes
	drained chan struct{} // closed when the running Drain has returned; nil when none runs
	closed  bool

	// Why Drain pauses, and since when.
	failure      error
	failingSince time.Time

	// recovered are the runs of which a damaged file had events that still waited
	// when the spool was opened, known otherwise or not.
	recovered []string

	// sentRow is the last row that may be in the stream without the spool
	// knowing it. Only Drain uses it once the spool is open.
	sentRow int64
	// maxSingly is how many events Drain sends one after the other at most.
	maxSingly int
}

// Open opens the spool at cfg.Path or creates it, and takes it for this process.
//
// It returns ErrInUse, ErrNotASpool or ErrNewerSchema for a file that it must
// not touch. A spool that is damaged is renamed and a new one takes its place,
// with everything that could be read of the old one; where that does not say how
// the previous run ended, the next Begin reports that it is not known.
func Open(ctx context.Context, cfg Config) (*Spool, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	path, err := filepath.Abs(cfg.Path)
	if err != nil {
		return nil, fmt.Errorf("spool: open %s: %w", cfg.Path, err)
	}
	cfg.Path = path
	s, err := openLocked(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("spool: open %s: %w", path, err)
	}
	return s, nil
}

func openLocked(ctx context.Context, cfg Config) (*Spool, error) {
	if err := os.MkdirAll(filepath.Dir(cfg.Path), 0o700); err != nil {
		return nil, fmt.Errorf("create folder: %w", err)
	}
	lock, err := lockSpool(ctx, cfg.Path)
	if err != nil {
		return nil, err
	}
	db, err := openOrReplace(ctx, cfg)
	if err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	if err := recoverDamaged(ctx, cfg, db); err != nil {
		return nil, errors.Join(err, db.Close(), lock.Unlock())
	}
	s := &Spool{
		cfg: cfg, lock: lock, db: db, maxSingly: maxSingly,
		changes: make(chan change), changed: make(chan struct{}),
		closing: make(chan struct{}), stop: make(chan struct{}), written: make(chan struct{}),
	}
	w, err := s.newWriter(ctx)
	if err != nil {
		return nil, errors.Join(err, db.Close(), lock.Unlock())
	}
	if s.state.lookUntil > 0 {
		if s.recovered, err = s.recoveredProducers(ctx, s.state.lookUntil); err != nil {
			return nil, errors.Join(err, w.conn.Close(), db.Close(), lock.Unlock())
		}
	}
	// A crash may have come between an append and its deletion here.
	s.sentRow = s.state.lastRow
	// The writer outlives the context of the call that opens the spool: it ends
	// with Close.
	go w.run(context.WithoutCancel(ctx))
	return s, nil
}

// openOrReplace opens the file. A damaged one is set aside for a new one.
func openOrReplace(ctx context.Context, cfg Config) (*sql.DB, error) {
	if err := finishSetAside(cfg.Path); err != nil {
		return nil, err
	}
	db, damage := openFile(ctx, cfg.Path)
	if !errors.Is(damage, ErrDamaged) {
		return db, damage
	}
	aside, err := setFileAside(cfg.Path, cfg.Now())
	if err != nil {
		return nil, errors.Join(damage, err)
	}
	cfg.Logger.Error("spool is damaged and was set aside",
		"path", aside, "err", damage)
	if db, err = openFile(ctx, cfg.Path); err != nil {
		return nil, fmt.Errorf("replace damaged file: %w", err)
	}
	return db, nil
}

// Close ends a running Drain, waits for what is being committed, and releases
// the file. What still waits in the spool is sent by the next run.
func (s *Spool) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	drained := s.drained
	close(s.closing)
	s.mu.Unlock()

	if drained != nil {
		<-drained
	}
	close(s.stop)
	<-s.written
	if err := errors.Join(s.db.Close(), s.lock.Unlock()); err != nil {
		return fmt.Errorf("spool: close %s: %w", s.cfg.Path, err)
	}
	return nil
}
