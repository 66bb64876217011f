package bot

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"rosey/bot/spool"
	"rosey/internal/suite"
)

// A spool that cannot be opened again at once, for want of space or because of its
// lock, is opened when that is over. Who ends the program meanwhile hears why it
// did not record.
func TestRecorder_ReopensTheSpoolOnceThatIsPossible(t *testing.T) {
	t.Parallel()
	var said suite.Output
	r, _ := exactingRecorder(t, nil, func(cfg *RecorderConfig) { cfg.Logger = slog.New(slog.NewTextHandler(&said, nil)) })
	before := r.Producer()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	other, err := spool.Open(t.Context(), r.cfg.Spool)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close() })
	tried := func(n int) func() bool {
		return func() bool { return strings.Count(said.String(), "cannot be opened again") >= n }
	}

	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.reopen(ctx) }()
	suite.Eventually(t, "tried", tried(1))
	cancel()
	if err := <-done; !errors.Is(err, spool.ErrInUse) {
		t.Errorf("stopped meanwhile: %v, want %v", err, spool.ErrInUse)
	}

	sofar := strings.Count(said.String(), "cannot be opened again")
	go func() { done <- r.reopen(t.Context()) }()
	suite.Eventually(t, "tried again", tried(sofar+1))
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if r.Producer() == before {
		t.Error("no new run has begun")
	}
}

// An end of the program that comes in the middle of an attempt does not hide why
// the attempts before it failed.
func TestRecorder_AnAttemptThatIsBrokenOffHidesNoCause(t *testing.T) {
	t.Parallel()
	r, _ := exactingRecorder(t, nil, nil)
	for _, tt := range []struct {
		name     string
		attempts []error // what they end with, the last one after the program was ended
		want     error
	}{
		{"in use before", []error{spool.ErrInUse, context.Canceled}, spool.ErrInUse},
		{"in use to the end", []error{spool.ErrFull, spool.ErrInUse}, spool.ErrInUse},
		{"at once", []error{context.Canceled}, context.Canceled},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			attempt := 0
			err := r.untilBegun(ctx, func(context.Context) error {
				if attempt++; attempt == len(tt.attempts) {
					cancel()
				}
				return tt.attempts[attempt-1]
			})
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}
