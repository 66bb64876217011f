package streamstest

import (
	"errors"
	"io"
	"testing"

	"rosey/streams"
)

// ReadAll reads what the stream holds now of what the options ask for.
func ReadAll(t testing.TB, s *streams.Stream, o streams.ReadOptions) []streams.Message {
	t.Helper()
	o.StopAtEnd = true
	r, err := s.Reader(t.Context(), o)
	if err != nil {
		t.Fatalf("read stream: %v", err)
	}
	defer r.Close()
	var list []streams.Message
	for {
		m, err := r.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatalf("read stream: %v", err)
		}
		list = append(list, m)
	}
}
