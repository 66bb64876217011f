package spool

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"
)

// backoff paces attempts after failures: each pause is up to twice as long as
// the one before, shortened by chance, so that many bots do not return at once.
type backoff struct {
	spool    *Spool
	min, max time.Duration
	attempt  int
}

func (s *Spool) newBackoff() *backoff {
	return &backoff{spool: s, min: s.cfg.BackoffMin, max: s.cfg.BackoffMax}
}

// reset ends a row of failures.
func (b *backoff) reset() {
	if b.attempt == 0 {
		return
	}
	b.spool.setFailure(nil)
	b.spool.cfg.Logger.Info("the stream takes events again", "attempt", b.attempt, "waiting", b.spool.Depth().Events)
	b.attempt = 0
}

// wait pauses after a failure. It returns the context's error when that ends
// first.
func (b *backoff) wait(ctx context.Context, failure error) error {
	b.attempt++
	b.spool.setFailure(failure)
	pause := b.pause()
	level := slog.LevelDebug
	// 1, 2, 4, 8, …: an outage of days is not a log of its own.
	if b.attempt&(b.attempt-1) == 0 {
		level = slog.LevelWarn
	}
	b.spool.cfg.Logger.Log(ctx, level, "events wait in the spool",
		"attempt", b.attempt, "pause", pause, "waiting", b.spool.Depth().Events, "err", failure)
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (b *backoff) pause() time.Duration {
	pause := b.max
	if shift := b.attempt - 1; shift < 30 && b.min<<shift < b.max {
		pause = b.min << shift
	}
	return pause/2 + rand.N(pause/2+1)
}

// Failing tells why the running Drain does not get on and since when, for a
// health check that cannot lie. Its error is nil while events are taken.
func (s *Spool) Failing() (since time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failingSince, s.failure
}

func (s *Spool) setFailure(err error) {
	now := s.cfg.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		now = time.Time{}
	}
	if s.failure == nil || err == nil {
		s.failingSince = now
	}
	s.failure = err
}
