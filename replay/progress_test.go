package replay

import (
	"testing"
	"time"
)

func TestParts_AreOneProgress(t *testing.T) {
	t.Parallel()
	w := parts{begin: time.Now().Add(-time.Minute)}
	w.add(Progress{Phase: PhaseEvents, Seq: 90, Last: 100, Events: 80, Duplicates: 2})
	w.add(Progress{Phase: PhaseIndexes, Seq: 100, Last: 100, Events: 88, Duplicates: 3, DeadLetters: 1})
	w.add(Progress{Phase: PhaseCatchingUp, Seq: 105, Last: 110, Events: 5, ElapsedSeconds: 0.1})
	w.add(Progress{Phase: PhaseCatchingUp, Seq: 110, Last: 110, Events: 10, DeadLetters: 1})
	got := w.add(Progress{Phase: PhaseSwapping, Seq: 110, Last: 110, Events: 10, DeadLetters: 1, RemainingSeconds: 1})
	if got.Events != 98 || got.Duplicates != 3 || got.DeadLetters != 2 || got.ElapsedSeconds < 60 || got.Phase != PhaseSwapping {
		t.Errorf("%+v, want the sums of both parts", got)
	}
	if end := w.end(); end.Phase != PhaseDone || end.Events != 98 || end.RemainingSeconds != 0 || end.ElapsedSeconds < got.ElapsedSeconds {
		t.Errorf("at the end %+v", end)
	}
}
