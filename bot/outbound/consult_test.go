package outbound

import (
	"testing"
	"time"
)

// A line that the history does not show is waited for a moment longer: what comes
// in our name then, and is no line of this run, is it. One line is one message's.
func TestSender_ConsultListensAfterTheJoin(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.join(2, "earlier")
	s := &Sender{cfg: SenderConfig{SettleWait: time.Minute, Now: func() time.Time { return st.now }}.withDefaults(), room: st.r}
	m := Message{ID: 1, Text: "hello", State: Sending, As: "Rosey", AfterMS: st.ms}
	if _, what, wait := s.consult(m, 2); what != unclear || wait != never {
		t.Errorf("before the next visit: %v, %v", what, wait)
	}
	if _, what, wait := s.consult(m, 1); what != notShown || wait != time.Minute {
		t.Errorf("right after the join: %v, %v; want to wait", what, wait)
	}
	st.r = s.room
	ms := st.line("Rosey", "hello")
	s.room = st.r
	if l, what, wait := s.consult(m, 1); what != shown || wait != 0 || l.timeMS != ms {
		t.Errorf("it came: %v, %v at %d", what, wait, l.timeMS)
	}
	if _, what, _ := s.consult(m, 1); what == shown {
		t.Error("it was taken for two messages")
	}
	st.now = st.now.Add(time.Hour)
	if _, what, wait := s.consult(m, 1); what != notShown || wait != 0 {
		t.Errorf("later: %v, %v", what, wait)
	}
	other := m
	other.As = "Rosetta"
	if _, what, wait := s.consult(other, 1); what != unclear || wait != 0 {
		t.Errorf("in a name that our join threw nobody out of: %v, %v", what, wait)
	}
}
