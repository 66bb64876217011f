package outbound

import (
	"reflect"
	"testing"
	"time"
)

func TestStats_CountsWhatIsTold(t *testing.T) {
	t.Parallel()
	s := NewStats()
	s.Written(3*time.Millisecond, true)
	s.Written(0, false)
	s.Echoed(7 * time.Millisecond)
	s.Retried(ReasonFlood)
	s.Retried(ReasonFlood)
	s.Finished(Sent, "")
	s.Finished(Failed, ReasonMuted)
	s.Finished(Failed, "whatever a publisher says")
	s.Finished(Failed, "something else")
	r := s.Read()
	if r.Lines != 2 || r.Waits.Count != 1 || r.Waits.Sum != 3*time.Millisecond || r.Echoes.Count != 1 || r.Echoes.Sum != 7*time.Millisecond {
		t.Errorf("got %+v", r)
	}
	if want := map[string]uint64{ReasonFlood: 2}; !reflect.DeepEqual(r.Retries, want) {
		t.Errorf("retries: got %v, want %v", r.Retries, want)
	}
	if want := map[Outcome]uint64{{Sent, ""}: 1, {Failed, ReasonMuted}: 1, {Failed, "other"}: 2}; !reflect.DeepEqual(r.Outcomes, want) {
		t.Errorf("outcomes: got %v, want %v", r.Outcomes, want)
	}
}

func TestStats_NilCountsNothing(t *testing.T) {
	t.Parallel()
	var s *Stats
	s.Written(time.Second, true)
	s.Echoed(time.Second)
	s.Retried(ReasonFlood)
	s.Finished(Sent, "")
	if r := s.Read(); r.Lines != 0 || r.Waits.Count != 0 || len(r.Outcomes) != 0 {
		t.Errorf("got %+v", r)
	}
}
