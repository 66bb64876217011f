package bot

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"rosey/streams"
)

// answering refuses every question for a lease with the same error.
type answering struct{ err error }

func (a answering) Acquire(context.Context, string, string, string) (*streams.Lease, error) {
	return nil, a.err
}

// One question that got lost must neither end a recording nor put a second bot
// into the channel.
func TestLead_WithoutAnAnswerThingsStayAsTheyAre(t *testing.T) {
	t.Parallel()
	lost := errors.New("no answer")
	held := &streams.LeaseHeldError{Key: "k", Holder: "another"}
	leads := standing{leads: true, term: 7}
	for _, tt := range []struct {
		name   string
		err    error
		before standing
		heldBy time.Duration // how long ago another was known to hold it, 0 for never
		want   standing
	}{
		{"recording goes on by the old term", lost, leads, 0, leads},
		{"standing by goes on", lost, standing{}, time.Second, standing{}},
		{"until nobody can hold the lease any more", lost, standing{}, standbyPatience + time.Second, standing{leads: true}},
		{"who never heard of another records", lost, standing{}, 0, standing{leads: true}},
		{"another holds it", held, leads, 0, standing{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := &lead{
				leases: func(context.Context) (Leases, error) { return answering{tt.err}, nil },
				limit:  time.Minute,
				log:    slog.New(slog.DiscardHandler),
			}
			if tt.heldBy > 0 {
				l.heldBy = time.Now().Add(-tt.heldBy)
			}
			if got := l.ask(t.Context(), tt.before); got != tt.want {
				t.Errorf("standing %+v, want %+v", got, tt.want)
			}
		})
	}
}

// leaseOf is held by one run, and is given to whoever replaced that one.
type leaseOf struct{ holder string }

func (o leaseOf) Acquire(_ context.Context, key, _, predecessor string) (*streams.Lease, error) {
	if predecessor != o.holder {
		return nil, &streams.LeaseHeldError{Key: key, Holder: o.holder}
	}
	return &streams.Lease{}, nil
}

// The run before may have recorded without an answer from the server. The lease
// is that of the run before it, which nobody has to wait for.
func TestLead_TakesOverFromAnyEarlierRun(t *testing.T) {
	t.Parallel()
	earlier := []string{"run1", "run2"}
	for holder, want := range map[string]bool{"run1": true, "run2": true, "another": false} {
		l := &lead{
			leases: func(context.Context) (Leases, error) { return leaseOf{holder}, nil },
			holder: "run3", predecessor: "run2", limit: time.Minute, log: slog.New(slog.DiscardHandler),
			isEarlier: func(_ context.Context, holder string) (bool, error) { return slices.Contains(earlier, holder), nil },
		}
		if got := l.ask(t.Context(), standing{}); got.leads != want {
			t.Errorf("while %s holds the lease, leads is %t, want %t", holder, got.leads, want)
		}
		l.isEarlier = func(context.Context, string) (bool, error) { return false, errors.New("disk") }
		l.lease = nil
		if got := l.ask(t.Context(), standing{}); got.leads != (holder == "run2") {
			t.Errorf("while %s holds the lease and the spool cannot be read, leads is %t", holder, got.leads)
		}
	}
}
