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
		state, err := standing(t.Context(), env.Stream, 101)
		if err != nil {
			t.Error(err)
		}
		done <- state.LastSeq
	}()
	for range 100 {
		env.Append(t, one)
	}
	if last := <-done; last < 101 {
		t.Errorf("it stands at seq=%d, want 101", last)
	}
	if state, err := standing(t.Context(), env.Stream, 900); err != nil || state.LastSeq != 101 {
		t.Errorf("a stream that grows no more: seq=%d, %v", state.LastSeq, err)
	}
}

// Another stream, to which a bot writes, grows as well, and would be waited for until
// it is as long as the one that the database is made from.
func TestStanding_AStreamThatABotWritesToIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	one := streams.AppendMessage{Subject: "rosey.db.message.log", Data: []byte(`{}`)}
	env.Append(t, one)
	done := make(chan error, 1)
	go func() {
		_, err := standing(t.Context(), env.Stream, 100_000_000)
		done <- err
	}()
	for {
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
			return
		default:
			env.Append(t, one)
		}
	}
}

func TestSoonFilled(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		before, now, seq uint64
		want             bool
	}{
		{10, 10, 20, false},
		{10, 9, 20, false},              // another stream in its place
		{10, 20, 20, true},              // just there
		{10, 30, 20, true},              // and beyond
		{0, 50_000, 1_000_000, true},    // a restore
		{300, 380, 300_000, false},      // a bot
		{1000, 1010, 1010 + 600, false}, // at the limit
		{1000, 1010, 1010 + 599, true},
	} {
		if got := soonFilled(tt.before, tt.now, tt.seq); got != tt.want {
			t.Errorf("from seq=%d to seq=%d, seq=%d is soon there: %t, want %t", tt.before, tt.now, tt.seq, got, tt.want)
		}
	}
}
