package projector

import (
	"testing"

	"rosey/schema"
)

// What a stream lost when it was restored never comes: the tables are not behind
// by it.
func TestStatus_ARestoredStreamEndsWhereItSays(t *testing.T) {
	t.Parallel()
	var s status
	s.open("", schema.Checkpoint{Seq: 50}, DeadLetters{})
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
