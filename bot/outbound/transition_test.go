package outbound

import (
	"slices"
	"testing"
	"time"
)

// The whole table: from each state to each, whether it is allowed.
func TestAllowed_EveryTransition(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(1_700_000_000_000)
	may := map[State][]State{
		Queued:    {Claimed, Sent, Failed, Abandoned, Unknown, Cancelled},
		Claimed:   {Queued, Sending, Sent, Failed, Abandoned, Unknown},
		Sending:   {Queued, Sent, Failed, Abandoned, Unknown},
		Unknown:   {Sent, Failed},
		Failed:    {Sent},
		Abandoned: {Sent},
		Cancelled: {Sent},
		Sent:      {},
	}
	for _, from := range States() {
		for _, to := range States() {
			m := Message{State: from, LeaseUntilMS: now.UnixMilli() + 1}
			if got, want := allowed(m, to, now), slices.Contains(may[from], to); got != want {
				t.Errorf("from %s to %s: %t, want %t", from, to, got, want)
			}
		}
	}
	if got := allowed(Message{State: "other"}, Queued, now); got {
		t.Error("a message in an unknown state can be moved")
	}
}

// A claim that is over may be taken by another, and taken back by a person.
// Sending never is.
func TestAllowed_AfterTheLease(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(1_700_000_000_000)
	over := now.UnixMilli()
	for _, to := range []State{Claimed, Cancelled} {
		if !allowed(Message{State: Claimed, LeaseUntilMS: over}, to, now) {
			t.Errorf("claimed, lease over: not to %s", to)
		}
		if allowed(Message{State: Claimed, LeaseUntilMS: over + 1}, to, now) {
			t.Errorf("claimed, lease not over: to %s", to)
		}
		if allowed(Message{State: Sending, LeaseUntilMS: over}, to, now) {
			t.Errorf("sending, lease over: to %s", to)
		}
	}
}

func TestMessage_Due(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(1000)
	for _, tt := range []struct {
		m    Message
		want bool
	}{
		{Message{State: Queued}, true},
		{Message{State: Queued, NotBeforeMS: 1000}, true},
		{Message{State: Queued, NotBeforeMS: 1001}, false},
		{Message{State: Queued, NextAttemptMS: 1001}, false},
		{Message{State: Queued, NotBeforeMS: 1001, NextAttemptMS: 900}, false},
		{Message{State: Claimed, LeaseUntilMS: 1000}, true},
		{Message{State: Claimed, LeaseUntilMS: 1001}, false},
		{Message{State: Sending}, false},
		{Message{State: Unknown}, false},
		{Message{State: Sent}, false},
	} {
		if got := tt.m.Due(now); got != tt.want {
			t.Errorf("%+v: due %t", tt.m, got)
		}
		if at := tt.m.DueAt(); !at.IsZero() && tt.m.Due(at.Add(-time.Millisecond)) && at.UnixMilli() > 0 || !at.IsZero() && !tt.m.Due(at) {
			t.Errorf("%+v: due at %v", tt.m, at)
		}
	}
}

// Times that a wrong clock has set hold nothing up for ever.
func TestMessage_DueInSpiteOfAWrongClock(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(1_700_000_000_000)
	in := func(d time.Duration) int64 { return now.Add(d).UnixMilli() }
	year := 365 * 24 * time.Hour
	for _, tt := range []struct {
		m    Message
		want bool
	}{
		{Message{State: Queued, NextAttemptMS: in(9 * time.Minute)}, false},
		{Message{State: Queued, NextAttemptMS: in(year)}, true},
		{Message{State: Queued, NextAttemptMS: in(year), NotBeforeMS: in(time.Minute)}, false},
		{Message{State: Queued, NotBeforeMS: in(year)}, false}, // that is what was asked for
		{Message{State: Claimed, LeaseUntilMS: in(year), Changed: now.Add(-time.Minute)}, false},
		{Message{State: Claimed, LeaseUntilMS: in(year), Changed: now.Add(-2 * time.Hour)}, true},
	} {
		if got := tt.m.Due(now); got != tt.want {
			t.Errorf("%+v: due %t", tt.m, got)
		}
	}
}

func TestNextAttempt_AfterTwoFourEightMinutes(t *testing.T) {
	t.Parallel()
	last := time.UnixMilli(0)
	for attempts, want := range map[int]time.Duration{0: 2 * time.Minute, 1: 2 * time.Minute, 2: 4 * time.Minute, 3: 8 * time.Minute} {
		if at, ok := NextAttempt(attempts, last); !ok || at.Sub(last) != want {
			t.Errorf("after %d attempts: %v, %t", attempts, at.Sub(last), ok)
		}
	}
	if _, ok := NextAttempt(4, last); ok {
		t.Error("tried a fifth time")
	}
}
