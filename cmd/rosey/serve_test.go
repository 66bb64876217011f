package main

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"rosey/bot"
	"rosey/internal/installation"
	"rosey/internal/suite"
	"rosey/projector"
	"rosey/schema"
	"rosey/streams"
	"rosey/streams/streamstest"
)

func TestHouse_LimitsOfTheEndStayBelowTenSeconds(t *testing.T) {
	t.Parallel()
	if sum := catchUpLimit + installation.StopLimit; sum >= endsWithin {
		t.Errorf("an orderly end may take %s, want less than %s", sum, endsWithin)
	}
	if streams.CloseLimit >= installation.StopLimit {
		t.Errorf("the end of a connection may take %s, that of a server of one's own with it %s", streams.CloseLimit, installation.StopLimit)
	}
	if answerLimit > catchUpLimit || bot.EndLimit > catchUpLimit {
		t.Errorf("answers that were begun may take %s, the bot %s, and the tables only %s", answerLimit, bot.EndLimit, catchUpLimit)
	}
}

// A server that has gone at the stop is no error of the stop.
func TestHouse_AServerThatIsAwayAtTheEndIsAWarning(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	var said suite.Output
	h := &house{server: &installation.Server{Stream: env.Stream}, log: slog.New(slog.NewTextHandler(&said, nil))}
	var err error
	h.projector, err = openProjector(t.Context(), env.Stream, projector.Config{Store: schema.Store{Link: filepath.Join(t.TempDir(), "rosey.db")}}, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.projector.Close() })
	env.Conn.Close()
	h.catchUp(t.Context(), t.Context())
	if got := said.String(); strings.Count(got, "level=WARN") != 1 || !strings.Contains(got, "the next start catches up") {
		t.Errorf("it says %q", got)
	}
}
