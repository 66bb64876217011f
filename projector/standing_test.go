package projector

import (
	"testing"

	"rosey/streams"
	"rosey/streams/streamstest"
)

// A stream that is being given back to its server is not yet behind the database.
func TestStanding_WaitsForAStreamThatGrows(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	one := streams.AppendMessage{Subject: "rosey.db.message.log", Data: []byte(`{}`)}
	env.Append(t, one)
	done := make(chan uint64, 1)
	go func() {
		state, err := standing(t.Context(), env.Stream, 301)
		if err != nil {
			t.Error(err)
		}
		done <- state.LastSeq
	}()
	for range 300 { // more than fit before the first look
		env.Append(t, one)
	}
	if last := <-done; last < 301 {
		t.Errorf("it stands at seq=%d, want 301", last)
	}
	if state, err := standing(t.Context(), env.Stream, 900); err != nil || state.LastSeq != 301 {
		t.Errorf("a stream that grows no more: seq=%d, %v", state.LastSeq, err)
	}
}
