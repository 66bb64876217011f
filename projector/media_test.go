package projector

import (
	"testing"
	"time"
)

// Each row: media id, start and end in seconds from the epoch, how it ended, and
// whether it was found playing.
func TestMedia_Situations(t *testing.T) {
	t.Parallel()
	const s = time.Second
	for _, tt := range []struct {
		name  string
		steps []step
		want  []string
	}{
		{"one plays", []step{after(s), playing("x")}, []string{"x 1 - - 0"}},
		{"the next ends it", []step{playing("x"), after(60 * s), playing("y")}, []string{"x 0 60 next 0", "y 60 - - 0"}},
		{"the same again", []step{playing("x"), after(60 * s), playing("x")}, []string{"x 0 60 next 0", "x 60 - - 0"}},
		{"nothing follows", []step{playing("x"), after(60 * s), playedOut(), playedOut()}, []string{"x 0 60 ended 0"}},
		{"found playing, so it began before", []step{after(100 * s), connected(), stillPlaying("x", 40), roster()}, []string{"x 60 - - 1"}},
		{"before its beginning", []step{after(100 * s), connected(), stillPlaying("x", -3), roster()}, []string{"x 100 - - 1"}},
		{"an absurd position", []step{after(100 * s), stillPlaying("x", 1e300)}, []string{"x -999999900 - - 1"}},
		{"goes on after a gap", []step{
			arrived(), playing("x"), after(60 * s), counts(1, 1), disconnected("lost"), after(90 * s), connected(), stillPlaying("x", 150), roster(), after(s), playing("y"),
		}, []string{"x 0 151 next 0", "y 151 - - 0"}},
		{"another one after a gap", []step{
			arrived(), playing("x"), after(60 * s), counts(1, 1), disconnected("lost"), after(90 * s), connected(), stillPlaying("y", 20), roster(),
		}, []string{"x 0 60 unobserved 0", "y 130 - - 1"}},
		{"nothing plays after a gap", []step{
			arrived(), playing("x"), after(60 * s), counts(1, 1), disconnected("lost"), after(90 * s), reconnected(),
		}, []string{"x 0 60 unobserved 0"}},
		{"a roster in between ends nothing", []step{arrived(), playing("x"), after(60 * s), roster("ann")}, []string{"x 0 - - 0"}},
		{"a clock that steps back", []step{playing("x"), after(-60 * s), playing("y")}, []string{"x 0 0 next 0", "y -60 - - 0"}},
		{"the leader alone", []step{recording(), playing("x"), by("B", playing("y"), playedOut())}, []string{"x 0 - - 0"}},
		{"two channels", []step{playing("x"), in("radio", playing("y"))}, []string{"x 0 - - 0", "y 0 - - 0"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantRows(t, projected(t, tt.steps...), "media", mediaRows, tt.want...)
		})
	}
}
