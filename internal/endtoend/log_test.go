package endtoend

import (
	"errors"
	"io"
	"log/slog"
	"testing"

	"rosey/internal/installation"
	"rosey/streams"
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
	r, err := a.Stream.Reader(t.Context(), streams.ReadOptions{From: 1, StopAtEnd: true})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var all []streams.Message
	for {
		m, err := r.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
}
