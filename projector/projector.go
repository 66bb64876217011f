package projector

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"rosey/schema"
	"rosey/streams"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Projector keeps one database current with the stream. It is the database's one
// writer from New to Close.
type Projector struct {
	cfg     Config
	log     *slog.Logger
	release func() error
	held    fs.FileInfo // the lock's file
	db      *schema.DB  // nil while a replaced one is not yet opened; belongs to Run
	file    *openFile
	// left are the files that were handed over from. This process may still read one,
	// or come back to it, and would lose its locks: see openFile.index.
	left      []*openFile
	applier   *Applier
	place     *place
	status    status
	renew     bool // the consumer may hold a dead delivery's requests; belongs to Run
	handovers chan *handover
	committed chan struct{} // holds one when the log has something to sync
	pending   *handover     // taken, and not answered; belongs to Run
	// patience belongs to Run, and to attend while a delivery runs.
	patience patience
}

// New takes the database for this process and opens it, or makes it. It refuses
// a start that cannot be right with a *StartError, and a database that another
// process writes to with a *schema.InUseError.
func New(ctx context.Context, cfg Config) (_ *Projector, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.defaults()
	p := &Projector{cfg: cfg, log: cfg.Logger, handovers: make(chan *handover), committed: make(chan struct{}, 1)}
	if err := p.lock(ctx, cfg.Locked); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.Close())
		}
	}()
	gone, err := cfg.Store.Discard()
	for _, path := range gone {
		p.log.Info("discarded an unfinished rebuild", "path", path)
	}
	if err != nil {
		return nil, fmt.Errorf("projector: %w", err)
	}
	if err := checkLeftLog(ctx, cfg.Store); err != nil {
		return nil, err
	}
	if p.db, err = openDatabase(ctx, cfg.Store, cfg.crash); err != nil {
		return nil, err
	}
	if err := p.admit(ctx, cfg.AcceptGap, cfg.AdoptStream); err != nil {
		return nil, err
	}
	if p.place, err = takePlace(ctx, &cfg); err != nil {
		return nil, err
	}
	return p, p.begin(ctx)
}

// begin brings memory in line with the open database, and tells the status what
// it holds.
func (p *Projector) begin(ctx context.Context) error {
	o, err := p.prepare(ctx, p.db, schema.Checkpoint{})
	p.file = o.file
	if err == nil {
		p.take(o)
	}
	return err
}

func (p *Projector) applierConfig() ApplierConfig {
	return ApplierConfig{DefaultChannel: p.cfg.DefaultChannel, Identity: p.cfg.Stream.Identity(), Crash: p.cfg.Crash}
}

// Close gives the database back. Run must have returned.
func (p *Projector) Close() error {
	var err error
	p.place.release()
	p.status.closed()
	if p.db != nil {
		err = p.db.Close()
	}
	p.file.done()
	for _, f := range p.left {
		f.done()
	}
	if p.release != nil {
		err = errors.Join(err, p.release())
	}
	p.db, p.release = nil, nil
	return err
}

// maxResets is how often order may fail to be proven without any progress.
const maxResets = 3

// Run projects until the context ends, which is no error: a batch that is being
// applied is finished first, and what was not begun is delivered to the next
// run. It survives whatever goes wrong with the
// connection, the consumer or the disk; it returns an error only where going on
// cannot be right, such as where another projector has taken its place.
func (p *Projector) Run(ctx context.Context) error {
	p.tell()
	ctx, stop := context.WithCancelCause(ctx)
	var kept sync.WaitGroup
	kept.Go(func() {
		if err := p.place.keep(ctx); err != nil {
			stop(err)
		}
	})
	defer kept.Wait()
	defer stop(nil)
	resets, attempt := 0, 0
	p.status.running()
	defer p.status.stopped()
	defer p.answer(errEnded)
	for ctx.Err() == nil {
		before := p.applier.Checkpoint().Seq
		err := schema.NameFullDisk(p.once(ctx))
		if ctx.Err() != nil {
			break
		}
		if p.pending != nil {
			p.answer(p.handOver(ctx))
			continue
		}
		progress := p.applier.Checkpoint().Seq > before
		if progress {
			resets, attempt = 0, 0
		}
		p.patience.ended(err, progress)
		attempt++
		p.renew = p.renew || leavesRequests(err)
		if errors.Is(err, ErrNotContiguous) {
			if resets++; resets >= maxResets {
				p.status.trouble(err)
				return fmt.Errorf("projector: %w after seq=%d: another projector probably uses the same consumer: %w",
					ErrNoProgress, before, err)
			}
		}
		p.status.trouble(err)
		if p.db != nil && p.replaced(err) {
			p.log.Warn("another database is in place of the open one", "path", p.db.Path(), "err", err)
			if err = p.drop(ctx); err == nil {
				continue
			}
		} else if fatal(err) {
			return err
		}
		p.log.Warn("projection interrupted, trying again", "attempt", attempt, "seq", p.applier.Checkpoint().Seq, "err", err)
		if !p.pause(ctx, attempt) {
			break
		}
		if p.pending != nil {
			p.answer(p.handOver(ctx))
		}
		// Whoever took the place meanwhile must not have the consumer reset.
		if err := p.place.hold(ctx); err != nil {
			return err
		}
	}
	p.log.Info("projection stopped", "seq", p.applier.Checkpoint().Seq)
	var lost *StartError
	if errors.As(context.Cause(ctx), &lost) {
		return lost
	}
	return nil
}

// once projects until something ends it; a database that was given up is opened
// again first.
func (p *Projector) once(ctx context.Context) error {
	if p.db == nil {
		if err := p.reopen(ctx); err != nil {
			return err
		}
		p.tell()
	}
	return p.deliver(ctx)
}

func (p *Projector) tell() {
	p.log.Info("projecting", "stream", streams.StreamName, "seq", p.applier.Checkpoint().Seq, "path", p.db.Path())
}

// fatal reports whether trying again cannot help.
func fatal(err error) bool {
	var refused *StartError
	var se *sqlite.Error
	if errors.As(err, &se) {
		switch se.Code() & 0xff {
		case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_SCHEMA, sqlite3.SQLITE_MISUSE:
			return true
		case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_ERROR:
			// A statement of ours that cannot work: broken state, not a passing fault.
			return true
		}
	}
	var used *schema.InUseError
	return errors.As(err, &refused) || errors.As(err, &used) || errors.Is(err, ErrOtherProgram) ||
		errors.Is(err, schema.ErrNotADatabase) || errors.Is(err, schema.ErrForeignDatabase) ||
		errors.Is(err, streams.ErrPermission) || errors.Is(err, streams.ErrBadInstance)
}

// leavesRequests reports whether a delivery may have ended without the server
// knowing. It would go on answering what that one asked for, into a connection
// that nobody reads, and what comes after it would never follow the checkpoint.
func leavesRequests(err error) bool {
	return errors.Is(err, ErrNotContiguous) || errors.Is(err, streams.ErrNoHeartbeat) || errors.Is(err, streams.ErrDisconnected)
}

// pause waits longer with each attempt, up to ten seconds.
func (p *Projector) pause(ctx context.Context, attempt int) bool {
	t := time.NewTimer(min(10*time.Second, 50*time.Millisecond<<min(attempt-1, 8)))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case p.pending = <-p.handovers:
		return true
	case <-ctx.Done():
		return false
	}
}

// deliver runs the consumer once, from the checkpoint on, until something ends
// it. The server's own idea of where the consumer stands plays no part.
func (p *Projector) deliver(ctx context.Context) error {
	if err := CheckStart(ctx, p.cfg.Stream, p.applier.Checkpoint()); err != nil {
		return err
	}
	c, err := p.cfg.Stream.Consumer(ctx, p.cfg.Instance, streams.ConsumerOptions{})
	if err != nil {
		return fmt.Errorf("projector: %w", err)
	}
	if p.renew {
		if err := c.Renew(ctx); err != nil {
			return fmt.Errorf("projector: %w", err)
		}
		p.renew = false
	}
	d, err := c.Start(ctx, p.applier.Checkpoint().Seq+1, p.cfg.InFlight)
	if err != nil {
		return fmt.Errorf("projector: %w", err)
	}
	defer d.Stop()
	p.status.delivering()
	ctx, cancel := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { p.watch(ctx, cancel) })
	taken := new(intake)
	taken.seq.Store(p.applier.Checkpoint().Seq)
	watching.Go(func() { p.attend(ctx, taken, cancel) })
	watching.Go(func() { p.syncLog(ctx) })
	defer func() {
		cancel(nil)
		watching.Wait()
	}()
	in := make(chan Item, p.cfg.BatchSize) // a batch is decoded while the one before it is written
	done := make(chan error, 1)
	go func() {
		done <- read(ctx, d, taken, in)
		close(in)
	}()
	err = p.apply(ctx, d, in)
	if cause := context.Cause(ctx); err == nil && (errors.Is(cause, ErrReplaced) || errors.Is(cause, ErrStarved)) {
		err = cause
	}
	cancel(nil)
	for range in { // the reader may be waiting to hand on
	}
	if readErr := <-done; err == nil {
		err = readErr
	}
	return err
}
