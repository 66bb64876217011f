package cytube

import (
	"fmt"
	"time"
)

// Backoff says how long to wait before trying again: Min at first, Factor times
// as long after each further failure, up to Max. Jitter adds a random part of up
// to that share, so that many bots do not return together.
type Backoff struct {
	Min, Max time.Duration
	Factor   float64 // default 2
	Jitter   float64 // default 0.2; negative for none
}

func (b Backoff) withDefaults(minimum, maximum time.Duration) Backoff {
	if b.Min == 0 {
		b.Min = minimum
	}
	if b.Max == 0 {
		b.Max = max(maximum, b.Min)
	}
	if b.Factor == 0 {
		b.Factor = 2
	}
	if b.Jitter == 0 {
		b.Jitter = 0.2
	}
	return b
}

func (b Backoff) validate(name string) error {
	switch {
	case b.Min < 0 || b.Max < 0:
		return fmt.Errorf("%s: a wait cannot be negative", name)
	case b.Max != 0 && b.Max < b.Min:
		return fmt.Errorf("%s: max %s is less than min %s", name, b.Max, b.Min)
	case b.Factor != 0 && b.Factor < 1:
		return fmt.Errorf("%s: factor %g is less than 1", name, b.Factor)
	case b.Jitter > 1:
		return fmt.Errorf("%s: jitter %g is more than 1", name, b.Jitter)
	}
	return nil
}

// wait returns the pause after the failures-th failure in a row, counted from 1.
// random is in [0,1).
func (b Backoff) wait(failures int, random float64) time.Duration {
	d := float64(b.Min)
	for i := 1; i < failures && d < float64(b.Max); i++ {
		d *= b.Factor
	}
	d = min(d, float64(b.Max))
	if b.Jitter > 0 {
		d += d * b.Jitter * random
	}
	return time.Duration(d)
}

// waits remembers, for each way of failing, how often it happened in a row.
type waits struct {
	plan   map[string]Backoff // by reason
	other  Backoff
	stable time.Duration // a session this long makes good for earlier failures
	random func() float64

	failures map[string]int
	last     map[string]time.Duration
}

func newWaits(cfg Config, random func() float64) *waits {
	return &waits{
		plan: map[string]Backoff{
			ReasonKicked:         cfg.KickPause,
			ReasonBanned:         cfg.BanPause,
			ReasonDuplicateLogin: cfg.DuplicatePause,
			ReasonLoginFailed:    cfg.LoginPause,
			ReasonNeedsPassword:  cfg.LoginPause,
			ReasonRefused:        cfg.RefusedPause,
		},
		other:    cfg.Backoff,
		stable:   cfg.StableAfter,
		random:   random,
		failures: make(map[string]int),
		last:     make(map[string]time.Duration),
	}
}

// next notes an ended session or attempt, and returns the wait before the next
// one. up is how long the bot was in the channel.
func (w *waits) next(reason string, up time.Duration) time.Duration {
	for r, last := range w.last {
		// Two bots that take a name from each other would each be stable in between:
		// only a session well beyond the last wait counts as peace.
		if up >= w.stable && up >= 2*last {
			delete(w.failures, r)
			delete(w.last, r)
		}
	}
	key, plan := "", w.other // all ordinary failures count together
	if p, ok := w.plan[reason]; ok {
		key, plan = reason, p
	}
	w.failures[key]++
	d := plan.wait(w.failures[key], w.random())
	w.last[key] = d
	return d
}
