package replay

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"

	"rosey/projector"
	"rosey/schema"
	"rosey/streams/archive"
)

// job is work that a Supervisor was asked for, or asks itself for.
type job struct {
	request Request
	reason  string
	// again says that it was tried before, and may have come as far as the swap.
	again bool
	// cancelled says that it is to end early; cancel does that once it has begun. Both
	// belong to the Supervisor's mu.
	cancelled bool
	cancel    context.CancelCauseFunc
}

// Start begins the work of a request, beside the projection: as soon as Run is at
// work, if it is not yet. It is ErrBusy while there is other work, and ErrStopped
// after Run.
func (s *Supervisor) Start(r Request) error {
	if !slices.Contains([]string{KindRebuild, KindUndo, KindRetry}, r.Kind) {
		return fmt.Errorf("replay: no work is called %q", r.Kind)
	}
	r.Seqs = slices.Clone(r.Seqs)
	s.mu.Lock()
	defer s.mu.Unlock()
	j, err := s.begin(r, ReasonAsked)
	if err != nil {
		return err
	}
	s.asked <- j // there is room: it is the only one
	return nil
}

// begin makes it the present work. The caller holds mu.
func (s *Supervisor) begin(r Request, reason string) (*job, error) {
	switch {
	case s.over:
		return nil, fmt.Errorf("replay: %w", ErrStopped)
	case s.job != nil:
		return nil, fmt.Errorf("replay: %w", ErrBusy)
	}
	s.job = &job{request: r, reason: reason}
	now := time.Now()
	s.work = Work{ID: rand.Text(), Request: r, Reason: reason, Running: true, StartedMS: now.UnixMilli()}
	return s.job, nil
}

// Cancel ends the present work before it has changed anything, if there is any:
// then it returns true. A batch that was begun is finished first. Work that has
// come to the swap is not ended any more.
func (s *Supervisor) Cancel() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.job == nil {
		return false
	}
	s.job.cancelled = true
	if s.job.cancel != nil {
		s.job.cancel(ErrCancelled)
	}
	return true
}

// Work returns the present work, or the last.
func (s *Supervisor) Work() Work {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.work
	w.Request.Seqs = slices.Clone(w.Request.Seqs)
	return w
}

// do does the work and notes what came of it. The context is Run's.
func (s *Supervisor) do(run context.Context, j *job) error {
	ctx, cancel := context.WithCancelCause(run)
	defer cancel(nil)
	s.mu.Lock()
	j.cancel = cancel
	if j.cancelled {
		cancel(ErrCancelled)
	}
	s.mu.Unlock()
	s.log.Info("the tables are being remade", "kind", j.request.Kind, "reason", j.reason)
	s.sweeper.mu.Lock()
	res, retried, err := s.carryOut(ctx, run, j)
	s.sweeper.mu.Unlock()
	if schema.IsFullDisk(err) && !errors.Is(err, syscall.ENOSPC) {
		err = fmt.Errorf("%w: %w", syscall.ENOSPC, err) // of several names the one that all know
	}
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, ErrCancelled) {
		err = fmt.Errorf("replay: %w: %w", cause, interruption(err))
	}
	if err == nil {
		s.log.Info("the tables are remade", "kind", j.request.Kind, "seq", s.Status().Checkpoint.Seq, "path", s.Status().Path)
	} else {
		var said Work
		said.Fail(err)
		s.log.Warn("the tables are not remade", "kind", j.request.Kind, "reason", j.reason, "err", err, "next", said.Remedy)
	}
	s.ended(res, retried, err)
	return err
}

// interruption is what is to be told of how work was interrupted.
func interruption(err error) error {
	var cut *InterruptedError
	if errors.As(err, &cut) {
		return cut
	}
	return context.Canceled
}

func (s *Supervisor) ended(res *Result, retried *Retried, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := &s.work
	w.Running, w.EndedMS, w.Result, w.Retried = false, time.Now().UnixMilli(), res, retried
	if err == nil {
		if retried != nil {
			res = retried.Rebuild
		}
		if res == nil {
			res = &Result{Seq: w.Progress.Seq} // nothing had to be made
		}
		w.Progress = res.done()
	} else {
		w.Fail(err)
	}
	s.job = nil
}

// carryOut does the work itself; run outlives the work's own context.
func (s *Supervisor) carryOut(ctx, run context.Context, j *job) (*Result, *Retried, error) {
	p, store := s.present(), s.cfg.Store
	cfg, err := s.config(j.request)
	if err != nil {
		return nil, nil, err
	}
	if j.again {
		if p != nil {
			return nil, nil, nil // somebody else's work has remade the tables meanwhile
		}
		if err := s.start(ctx); err != nil || s.present() != nil {
			return nil, nil, err
		}
	}
	switch j.request.Kind {
	case KindUndo:
		res, err := undo(ctx, store, &cfg, p)
		return s.finish(run, res, err)
	case KindRetry:
		res, err := retry(ctx, store, cfg, j.request.Seqs, func(cfg Config) (Result, error) { return rebuild(ctx, store, &cfg, p) })
		if err == nil && p == nil {
			err = s.goOn(run)
		}
		return nil, &res, err
	}
	res, err := rebuild(ctx, store, &cfg, p)
	return s.finish(run, res, err)
}

// finish begins to project in tables that took the place of another version's.
func (s *Supervisor) finish(run context.Context, res Result, err error) (*Result, *Retried, error) {
	if err == nil && s.present() == nil {
		err = s.goOn(run)
	}
	if err != nil {
		return nil, nil, err
	}
	return &res, nil, nil
}

// goOn begins to project in this program's tables once they are there. The swap
// has happened, so that no cancelling ends this any more; and nobody else would try
// it again, so that what may pass is waited for.
func (s *Supervisor) goOn(run context.Context) error {
	for attempt := 0; ; attempt++ {
		err := s.start(run)
		var refused *projector.StartError
		if err == nil || run.Err() != nil || errors.As(err, &refused) {
			return err
		}
		s.mu.Lock()
		s.stands(err)
		s.mu.Unlock()
		s.log.Warn("the tables are remade, and the projection does not begin yet", "attempt", attempt+1, "err", err)
		select {
		case <-time.After(min(againLate, againSoon<<min(attempt, 10))):
		case <-run.Done():
			return err
		}
	}
}

// config is what a rebuild needs to know.
func (s *Supervisor) config(r Request) (cfg Config, err error) {
	cfg = Config{
		Stream: s.cfg.Stream, DefaultChannel: s.cfg.DefaultChannel, AcceptGap: r.AcceptGap, AcceptErased: r.AcceptErased, AcceptFailures: r.AcceptFailures,
		Fresh: r.Fresh, Keep: s.keep, Grace: s.sweeper.grace, Program: s.program, Logger: s.cfg.Logger, Crash: s.cfg.Crash, Progress: s.progress,
		sweep: s.sweeper.later,
	}
	if r.Keep > 0 {
		cfg.Keep = r.Keep
	}
	if r.Archive != "" {
		if cfg.Archive, err = archive.Open(r.Archive); err != nil {
			return cfg, fmt.Errorf("replay: %w", err)
		}
	}
	cfg.defaults()
	return cfg, nil
}

func (s *Supervisor) progress(p Progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.work.Progress = p
}

// How long a rebuild of its own accord waits before it is tried again. One that
// filled the disk takes the room from what is recorded.
const (
	againSoon  = time.Second
	againLate  = time.Minute
	againSpace = 15 * time.Minute
)

// remake remakes the tables where another version of the program made them, until
// somebody projects; false where the context ended before.
func (s *Supervisor) remake(ctx context.Context) bool {
	next := time.NewTimer(0)
	defer next.Stop()
	for attempt := 0; ; attempt++ {
		select {
		case <-s.projects:
			return true
		default:
		}
		select {
		case <-s.projects:
			return true
		case <-ctx.Done():
			return false
		case <-next.C:
		}
		if wait, again := s.remakeOnce(ctx, attempt); again {
			next.Reset(wait)
		}
	}
}

// remakeOnce reports when it is to be tried again, if it is.
func (s *Supervisor) remakeOnce(ctx context.Context, attempt int) (time.Duration, bool) {
	s.mu.Lock()
	j, err := s.begin(Request{Kind: KindRebuild, AcceptGap: s.cfg.AcceptGap, Archive: s.archive}, ReasonProgram)
	s.mu.Unlock()
	if err != nil {
		return againSoon, true // somebody asked for work meanwhile, which may make this needless
	}
	j.again = attempt > 0
	err = s.do(ctx, j)
	if err == nil || ctx.Err() != nil {
		return 0, false
	}
	s.mu.Lock()
	s.stands(fmt.Errorf("%w, and cannot be remade: %w", projector.ErrOtherProgram, err))
	s.mu.Unlock()
	var refused *projector.StartError
	var failed *projector.NewFailureError
	var room *schema.RoomError
	switch {
	case errors.As(err, &refused), errors.As(err, &failed), errors.Is(err, ErrCancelled):
		s.log.Error("the tables stay as another version made them", "err", err, "next", s.Work().Remedy)
		return 0, false
	case errors.As(err, &room):
		// Nothing was taken from anybody, so that it may be looked at again soon.
		s.log.Error("the tables stay as another version made them, until there is room to remake them", "err", err, "next", s.Work().Remedy)
		return againLate, true
	case errors.Is(err, syscall.ENOSPC):
		return againSpace, true
	}
	return min(againLate, againSoon<<min(attempt, 10)), true
}
