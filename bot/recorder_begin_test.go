package bot

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"rosey/bot/spool"
	"rosey/events"
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
// the attempts before it failed: neither to open the spool nor to put something in.
func TestRecorder_AnAttemptThatIsBrokenOffHidesNoCause(t *testing.T) {
	t.Parallel()
	r := commitTo(nil)
	for _, tt := range []struct {
		name     string
		attempts []error // what they end with, the last one after the program was ended
		want     error
		noTime   bool // and nothing was wrong with the disk but that it was slow
	}{
		{"in use before", []error{spool.ErrInUse, context.Canceled}, spool.ErrInUse, false},
		{"in use to the end", []error{errors.New("disk"), spool.ErrInUse}, spool.ErrInUse, false},
		{"at once", []error{context.Canceled}, context.Canceled, true},
	} {
		for of, do := range map[string]func(ctx context.Context, try func() error) error{
			"begin": func(ctx context.Context, try func() error) error {
				return r.untilBegun(ctx, func(context.Context) error { return try() })
			},
			"keep": func(ctx context.Context, try func() error) error {
				full := func(err error) error { return err }
				return r.keep(ctx, two(), full, func(context.Context, ...*events.Event) error { return try() })
			},
		} {
			t.Run(of+"/"+tt.name, func(t *testing.T) {
				t.Parallel()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				attempt := 0
				err := do(ctx, func() error {
					if attempt++; attempt == len(tt.attempts) {
						cancel()
					}
					return tt.attempts[attempt-1]
				})
				if !errors.Is(err, tt.want) || errors.Is(err, errNoTime) != (tt.noTime && of == "keep") {
					t.Errorf("got %v, want %v", err, tt.want)
				}
			})
		}
	}
}
