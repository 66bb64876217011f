package projector

import (
	"errors"
	"testing"
	"time"

	"rosey/schema"
	"rosey/streams"
)

// What a stream lost when it was restored never comes: the tables are not behind
// by it.
func TestStatus_ARestoredStreamEndsWhereItSays(t *testing.T) {
	t.Parallel()
	var s status
	s.open(schema.Opened{}, schema.Checkpoint{Seq: 50}, DeadLetters{})
	for _, tt := range []struct{ says, last, lag uint64 }{
		{80, 80, 30}, // more than deliveries told
		{60, 60, 10}, // restored, and the checkpoint is in it
		{40, 50, 0},  // told before the last commit
	} {
		if s.reaches(tt.says); s.s.StreamSeq != tt.last || s.s.Lag != tt.lag {
			t.Errorf("the stream ends at %d: seq %d and lag %d, want %d and %d", tt.says, s.s.StreamSeq, s.s.Lag, tt.last, tt.lag)
		}
	}
}

// What a delivery brought may be gone at the next, and then nothing is late.
func TestStatus_ANewDeliveryForgetsTheOldest(t *testing.T) {
	t.Parallel()
	stored := time.UnixMilli(1_700_000_000_000)
	for _, tt := range []struct {
		name    string
		trouble error
		want    time.Time
	}{
		{"interrupted", errors.New("the line is cut"), time.Time{}},
		{"not written", &writeError{errors.New("the disk is full")}, stored},
	} {
		var s status
		s.open(schema.Opened{}, schema.Checkpoint{Seq: 50}, DeadLetters{})
		s.waits(streams.Message{Seq: 51, Time: stored})
		s.trouble(tt.trouble)
		if s.s.LagUnknown != tt.want.IsZero() {
			t.Errorf("%s: the lag is unknown: %t", tt.name, s.s.LagUnknown)
		}
		if s.delivering(); s.s.LagUnknown || !s.s.Oldest.Equal(tt.want) {
			t.Errorf("%s: the oldest is of %s, want %s; the lag is unknown: %t", tt.name, s.s.Oldest, tt.want, s.s.LagUnknown)
		}
	}
}
