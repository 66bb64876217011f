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
	min, max time.Duration
	log      *slog.Logger
	attempt  int
}

func (s *Spool) newBackoff() *backoff {
	return &backoff{min: s.cfg.BackoffMin, max: s.cfg.BackoffMax, log: s.cfg.Logger}
}

// reset ends a row of failures.
func (b *backoff) reset() {
	if b.attempt > 0 {
		b.log.Info("the stream takes events again", "attempt", b.attempt)
	}
	b.attempt = 0
}

// wait pauses after a failure. It returns the context's error when that ends
// first.
func (b *backoff) wait(ctx context.Context, failure error, depth Depth) error {
	b.attempt++
	pause := b.pause()
	level := slog.LevelDebug
	// 1, 2, 4, 8, …: an outage of days is not a log of its own.
	if b.attempt&(b.attempt-1) == 0 {
		level = slog.LevelWarn
	}
	b.log.Log(ctx, level, "events wait in the spool", "attempt", b.attempt, "pause", pause, "waiting", depth.Events, "err", failure)
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
