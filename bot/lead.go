package bot

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"rosey/streams"
)

// Leases gives out the right to record a channel. *streams.Stream does.
type Leases interface {
	Acquire(ctx context.Context, key, holder, predecessor string) (*streams.Lease, error)
}

const (
	// renewEvery leaves room for two renewals to fail before the lease ends.
	renewEvery = streams.LeaseTTL / 3
	// askLimit bounds how long the question for a lease may hold up recording.
	askLimit = 2 * time.Second
)

// lead is whether this run records its channel. Two bots must not fight over a
// channel, so one records and the others stand by. But a question that nobody
// answers must not cost history: whoever cannot ask records.
type lead struct {
	leases      func(ctx context.Context) (Leases, error)
	key         string
	holder      string
	predecessor string
	every       time.Duration
	log         *slog.Logger

	lease *streams.Lease
	term  uint64 // of the last lease held
	last  string // what was logged last
}

// standing is the answer to the question who records: whether this run does, and
// by the lease of which term.
type standing struct {
	leads bool
	term  uint64
}

// keep calls became with the answer, at the start and whenever it changes, until
// the context ends. It then gives the lease back.
func (l *lead) keep(ctx context.Context, became func(standing)) {
	if l.leases == nil {
		became(standing{leads: true})
		<-ctx.Done()
		return
	}
	var last standing
	for first := true; ; first = false {
		now := standing{leads: l.ask(ctx), term: l.term}
		if ctx.Err() != nil {
			break
		}
		if first || now != last {
			became(now)
		}
		last = now
		if !pause(ctx, l.every) {
			break
		}
	}
	if l.lease != nil {
		// Best effort: without it the lease ends by itself.
		release, cancel := context.WithTimeout(context.WithoutCancel(ctx), askLimit)
		defer cancel()
		if err := l.lease.Release(release); err != nil {
			l.log.Debug("lease not released", "err", err)
		}
	}
}

// ask renews the lease or asks for it, and returns whether to record.
func (l *lead) ask(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	if l.lease != nil {
		if err := l.lease.Renew(ctx); err == nil {
			return true
		}
		l.lease = nil
	}
	leases, err := l.leases(ctx)
	if err == nil {
		l.lease, err = leases.Acquire(ctx, l.key, l.holder, l.predecessor)
	}
	switch {
	case err == nil:
		l.term = l.lease.Term()
		l.tell("this bot records the channel")
		return true
	case errors.Is(err, streams.ErrLeaseHeld):
		l.tell("another bot records the channel; standing by")
		return false
	}
	l.tell("the lease cannot be asked for; recording all the same")
	return true
}

func (l *lead) tell(text string) {
	if text != l.last {
		l.last = text
		l.log.Info("recording lease", "state", text)
	}
}
