package replay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"rosey/projector"
	"rosey/schema"
)

// SupervisorConfig says what a Supervisor keeps.
type SupervisorConfig struct {
	// Projector says what is projected, and where to. Without a default channel it is
	// the one the database was made with.
	Projector projector.Config
	// Archive is the folder of an archive that a rebuild of its own accord may use,
	// "" for none. One that is of no use is told when Run begins, and keeps nobody from
	// projecting: it may be needed on a day long after.
	Archive string
	// Keep is how many generations are kept. Default: schema.Keep.
	Keep int
	// Grace is how long a generation stays after it was the current one, whatever Keep
	// says. Default: schema.Grace.
	Grace time.Duration
	// Program is the version of the program, for the record of how a database was
	// made.
	Program string
}

// Supervisor keeps a store current, as a projector does, and remakes it while it
// runs: when it is asked to, and of its own accord where another version of the
// program made the tables. Whoever reads them is answered all the while. It is the
// store's one writer from NewSupervisor to Close.
type Supervisor struct {
	cfg     projector.Config
	archive string
	keep    int
	program string
	log     *slog.Logger
	release func() error
	asked   chan *job
	sweeper *sweeper

	mu        sync.Mutex
	projector *projector.Projector // nil while the tables are another version's
	projects  chan struct{}        // closed once projector is there
	rest      *rest                // nil from then on
	running   bool
	over      bool  // Run has ended, or never comes
	trouble   error // why the tables at rest are
	since     time.Time
	work      Work
	job       *job // nil while there is no work
}

// NewSupervisor takes the database for this process, as projector.New does. That
// another version of the program made the tables is no error: they can be read,
// and Run remakes them.
func NewSupervisor(ctx context.Context, cfg SupervisorConfig) (_ *Supervisor, err error) {
	if err := cfg.Projector.Validate(); err != nil {
		return nil, err
	}
	s := &Supervisor{
		cfg: cfg.Projector, archive: cfg.Archive, keep: cfg.Keep, program: cfg.Program, log: cfg.Projector.Logger,
		asked: make(chan *job, 1), projects: make(chan struct{}), sweeper: newSweeper(cfg.Projector.Store, cfg.Grace),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.log = s.log.With("component", "replay")
	if s.release, err = s.cfg.Store.Lock(ctx); err != nil {
		return nil, fmt.Errorf("projector: %w", err)
	}
	s.cfg.Locked = true
	if s.cfg.DefaultChannel == "" {
		s.cfg.DefaultChannel = storedDefaultChannel(ctx, s.cfg.Store)
	}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// storedDefaultChannel is the default channel that the database was made with; it
// holds until somebody names another.
func storedDefaultChannel(ctx context.Context, store schema.Store) string {
	c, err := currentCheckpoint(ctx, store)
	if err != nil {
		return "" // opening it says what is wrong
	}
	return c.DefaultChannel
}

// start begins to project, or finds that the tables have to be remade first.
func (s *Supervisor) start(ctx context.Context) error {
	p, err := projector.New(ctx, s.cfg)
	if errors.Is(err, projector.ErrOtherProgram) {
		r, err := atRest(ctx, s.cfg.Store)
		if err != nil {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.rest = r
		s.stands(errToRemake)
		return nil
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.projector, s.rest, s.trouble = p, nil, nil
	close(s.projects)
	return nil
}

// errToRemake is why tables at rest are so.
var errToRemake = fmt.Errorf("%w; they answer as they were until they are remade from the stream", projector.ErrOtherProgram)

// stands notes why the tables stand still. The caller holds mu.
func (s *Supervisor) stands(err error) {
	if s.trouble == nil {
		s.since = time.Now()
	}
	s.trouble = err
}

// Run projects until the context ends, like projector.Projector's Run, and does
// what it is asked to. Tables of another version are remade first; where that is
// impossible they stay as they are, and Status says why.
func (s *Supervisor) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	var working sync.WaitGroup
	s.mu.Lock()
	s.running = true
	s.mu.Unlock()
	defer func() {
		stop()
		working.Wait()
		s.stopped()
	}()
	working.Go(func() { s.serve(ctx) })
	working.Go(func() { s.lookAtArchive(ctx) })
	if !s.remake(ctx) {
		return nil
	}
	return s.present().Run(ctx)
}

// serve does what is asked for, and removes what is left of it.
func (s *Supervisor) serve(ctx context.Context) {
	var removable <-chan time.Time
	for {
		select {
		case j := <-s.asked:
			_ = s.do(ctx, j) // the work tells
		case <-s.sweeper.due:
			removable = time.After(s.sweeper.grace)
		case <-removable:
			if err := s.sweeper.sweep(); err != nil {
				s.log.Warn("old generations are not removed", "err", err)
			}
		case <-ctx.Done():
			return
		}
	}
}

// stopped takes no more work, and does not do what was not begun.
func (s *Supervisor) stopped() {
	s.mu.Lock()
	s.running, s.over = false, true
	s.mu.Unlock()
	select {
	case <-s.asked:
		s.ended(nil, nil, fmt.Errorf("replay: %w", ErrStopped))
	default:
	}
}

// Close gives the database back. Run must have returned, and whoever reads it must
// have done so too.
func (s *Supervisor) Close() error {
	s.stopped()
	var err error
	if p := s.present(); p != nil {
		err = p.Close()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rest = nil
	if s.release != nil {
		err = errors.Join(err, s.release())
		s.release = nil
	}
	return err
}

// present is the projector, nil while there is none.
func (s *Supervisor) present() *projector.Projector {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.projector
}

// Status returns the present state. Tables that are yet to be remade are in
// trouble that wraps projector.ErrOtherProgram.
func (s *Supervisor) Status() projector.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.projector != nil:
		return s.projector.Status()
	case s.rest != nil:
		return s.rest.status(s.running, s.trouble, s.since)
	}
	return projector.Status{}
}

// Database returns the file that may be read, like projector.Projector's Database.
func (s *Supervisor) Database() schema.Opened {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.projector != nil:
		return s.projector.Database()
	case s.rest != nil:
		return s.rest.file
	}
	return schema.Opened{}
}

// Delay is projector.Projector's Delay. It is not known of tables at rest.
func (s *Supervisor) Delay(now time.Time) (events uint64, waited time.Duration, known bool) {
	if p := s.present(); p != nil {
		return p.Delay(now)
	}
	return 0, 0, false
}

// WaitFor waits until the stream sequence is committed in the database.
func (s *Supervisor) WaitFor(ctx context.Context, seq uint64) error {
	s.mu.Lock()
	r := s.rest
	s.mu.Unlock()
	if r != nil && seq <= r.checkpoint.Seq {
		return nil
	}
	select {
	case <-s.projects:
		return s.present().WaitFor(ctx, seq)
	case <-ctx.Done():
		return ctx.Err()
	}
}
