package bot

import (
	"context"
	"errors"
	"log/slog"
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
