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
