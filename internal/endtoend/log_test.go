package endtoend

import (
	"log/slog"
	"testing"

	"rosey/internal/installation"
	"rosey/streams"
	"rosey/streams/streamstest"
)

// readStream returns all messages of a data folder's stream, whether or not the
// installation runs.
func readStream(t *testing.T, data string) []streams.Message {
	t.Helper()
	a, err := installation.Attach(t.Context(), installation.Dir(data), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	return streamstest.ReadAll(t, a.Stream, streams.ReadOptions{})
}
