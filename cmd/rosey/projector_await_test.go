package main

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"rosey/internal/installation"
	"rosey/streams"
	"rosey/streams/streamstest"
)

// A server without what is needed is not asked five times a second, and what it
// lacks is told once.
func TestProjector_WaitsQuietlyForAServerThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	server := streamstest.ExternalServer(t, streamstest.ExternalOptions{})
	var text bytes.Buffer
	c := projectorCmd{WaitServer: 4 * time.Second}
	c.Nats = []string{server.URL()}
	_, err := c.await(t.Context(), installation.Dir(t.TempDir()), slog.New(slog.NewTextHandler(&text, nil)), time.Now().Add(3*time.Second))
	if !errors.Is(err, streams.ErrNoStream) {
		t.Errorf("error %v, want ErrNoStream", err)
	}
	for line, want := range map[string]int{"cannot be used as it is": 1, "connected to NATS": 1} {
		if got := strings.Count(text.String(), line); got != want {
			t.Errorf("%q is told %d times, want %d:\n%s", line, got, want, &text)
		}
	}
}
