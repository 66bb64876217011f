package bot

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"rosey/internal/standstill"
	"rosey/streams"
)

// Leases gives out the right to record a channel. *streams.Stream does.
type Leases interface {
	Acquire(ctx context.Context, key, holder, predecessor string) (*streams.Lease, error)
}

const (
	// renewEvery leaves room for two renewals to fail before the lease ends.
	renewEvery = streams.LeaseTTL / 3
	// askLimit is how long a question for a lease may hold up recording, unless it is
	// configured.
	askLimit = 5 * time.Second
	// standbyPatience is how long a bot that stands by puts up with no answer. By
	// then a lease that nobody could renew has ended, and so has what its holder
	// may have observed.
	standbyPatience = streams.LeaseTTL + 2*renewEvery
	// Whoever leads says so again from time to time: should another have been
	// taken for the leader by mistake, that is mended by it.
	tellAgain          = 300 * time.Second
	tellAgainUncertain = 60 * time.Second
)

// lead is whether this run records its channel. Two bots must not fight over a
// channel, so one records and the others stand by. But a question that nobody
// answers must not cost history: whoever cannot ask records.
type lead struct {
	leases      func(ctx context.Context) (Leases, error)
	key         string
	holder      string
	predecessor string
	// isEarlier reports whether a holder is an earlier run on the same spool. Nil:
	// only the predecessor is.
	isEarlier func(ctx context.Context, holder string) (bool, error)
	// full reports whether this run cannot record, and when that changes: meanwhile
	// another may. Nil: it always can.
	full  func() (bool, <-chan struct{})
	every time.Duration
	limit time.Duration // how long a question may take
	// handBack is how long giving the lease back may take, and a question that is on
	// its way when the context ends.
	handBack time.Duration
	log      *slog.Logger

	lease  *streams.Lease // the last that was got, unless another has it
	heldBy time.Time      // when another was last known to hold it
	last   string         // what was logged last
}

// standing is the answer to the question who records: whether this run does, and
// by the lease of which term.
type standing struct {
	leads bool
	term  uint64
}

// keep calls became with the answer, at the start and whenever it changes, until
// the context ends. The lease is then the caller's to release.
func (l *lead) keep(ctx context.Context, became func(standing)) {
	var last standing
	var told time.Time
	for first := true; ; first = false {
		full, changed := l.unable()
		now := standing{leads: l.leases == nil && !full}
		switch {
		case full:
			l.release(ctx)
			l.tell("this bot cannot record: its spool is full")
		case l.leases != nil:
			now = l.ask(ctx, last)
		}
		if ctx.Err() != nil {
			return
		}
		again := tellAgain
		if now.term == 0 {
			again = tellAgainUncertain
		}
		if first || now != last || now.leads && l.leases != nil && time.Since(told) > again {
			became(now)
			told = time.Now()
		}
		last = now
		if !pauseUntil(ctx, l.every, changed) {
			return
		}
	}
}

// unable is full, for whoever has none too.
func (l *lead) unable() (bool, <-chan struct{}) {
	if l.full == nil {
		return false, nil
	}
	return l.full()
}

// release gives the lease back, so that another need not wait for its end. It is
// a best effort: without it the lease ends by itself.
func (l *lead) release(ctx context.Context) {
	if l.lease == nil {
		return
	}
	ctx, cancel := standstill.WithTimeout(context.WithoutCancel(ctx), l.handBack)
	defer cancel()
	if err := l.lease.Release(ctx); err != nil {
		l.log.Debug("lease not released", "err", err)
	}
	l.lease = nil
}

// ask renews the lease or asks for it. Without an answer things stay as they
// were, for a while: one question that got lost must not put two bots into the
// channel. What was asked before the context ended is still waited for:
// whether it was granted decides what there is to give back.
func (l *lead) ask(ctx context.Context, before standing) standing {
	asking, cut := standstill.Outlasting(ctx, l.handBack)
	defer cut()
	asking, cancel := context.WithTimeout(asking, l.limit)
	defer cancel()
	if l.lease != nil {
		if err := l.lease.Renew(asking); err == nil {
			return standing{leads: true, term: l.lease.Term()}
		}
		if ctx.Err() != nil {
			return before
		}
	}
	leases, err := l.leases(asking)
	var lease *streams.Lease
	if err == nil {
		lease, err = l.acquire(asking, leases)
	}
	switch {
	case err == nil:
		l.lease = lease
		l.tell("this bot records the channel")
		return standing{leads: true, term: lease.Term()}
	case errors.Is(err, streams.ErrLeaseHeld):
		l.lease = nil
		l.heldBy = time.Now()
		l.tell(l.whyStandBy())
		return standing{}
	case before.leads:
		l.tell("the lease cannot be asked for; recording goes on")
		return before
	case !l.heldBy.IsZero() && time.Since(l.heldBy) < standbyPatience:
		l.tell("the lease cannot be asked for; still standing by")
		return before
	}
	l.tell("the lease cannot be asked for; recording all the same")
	return standing{leads: true}
}

// whyStandBy says so where the other may be nobody: without an earlier run this
// bot cannot know one of its own by the name in the lease, and waits for its end.
func (l *lead) whyStandBy() string {
	if l.predecessor == "" {
		return "another run holds the lease; standing by. Should it be a run of this bot whose spool is gone, its lease ends within " +
			streams.LeaseTTL.String()
	}
	return "another bot records the channel; standing by"
}

// acquire asks for the lease. The run before this one may have recorded without
// ever getting it: then one before that still holds it, and is gone as well.
func (l *lead) acquire(ctx context.Context, leases Leases) (*streams.Lease, error) {
	lease, err := leases.Acquire(ctx, l.key, l.holder, l.predecessor)
	var held *streams.LeaseHeldError
	if l.isEarlier == nil || !errors.As(err, &held) {
		return lease, err
	}
	switch earlier, lookErr := l.isEarlier(ctx, held.Holder); {
	case lookErr != nil:
		l.log.Warn("who held the recording lease before cannot be looked up", "err", lookErr)
		return nil, err
	case !earlier:
		return nil, err
	}
	return leases.Acquire(ctx, l.key, l.holder, held.Holder)
}

func (l *lead) tell(text string) {
	if text != l.last {
		l.last = text
		l.log.Info("recording lease", "state", text)
	}
}
