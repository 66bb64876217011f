package replay

import (
	"testing"
	"time"

	"rosey/projector"
	"rosey/schema"
)

// Whatever the phase, the counts only grow, and the rate is of what this run read.
func TestMeter_IsOneProgress(t *testing.T) {
	t.Parallel()
	m := newMeter()
	m.begin = m.begin.Add(-10 * time.Second)
	m.add(0, projector.Applied{Events: 50}, 60) // before an interruption
	m.add(100, projector.Applied{Events: 90, Duplicates: 6, DeadLetters: 4}, 200)
	if p := m.progress(PhaseEvents, 250); p.Seq != 200 || p.Events != 140 || p.Duplicates != 6 || p.DeadLetters != 4 ||
		p.PerSecond < 9 || p.PerSecond > 10 || p.RemainingSeconds < 5 || p.ElapsedSeconds < 10 {
		t.Errorf("%+v, want the sums, 10 a second and 5 s left", p)
	}
	m.add(50, projector.Applied{Events: 50}, 250)
	p := m.progress(PhaseSwapping, 240)
	if p.Seq != 250 || p.Last != 250 || p.Events != 190 || p.PerSecond < 14 || p.PerSecond > 15 || p.RemainingSeconds != 0 {
		t.Errorf("%+v, want the sums and 15 a second", p)
	}
	var res Result
	m.result(&res, schema.Checkpoint{Seq: 251})
	if d := res.done(); d.Phase != PhaseDone || d.Seq != 251 || d.Last != 251 || d.Events != res.Events || d.Events != 190 || d.PerSecond != res.PerSecond || d.ElapsedSeconds < p.ElapsedSeconds {
		t.Errorf("at the end %+v of %+v", d, res)
	}
}

// A rebuild that became slow is not called fast because it was.
func TestMeter_RateIsThatOfTheLastSeconds(t *testing.T) {
	t.Parallel()
	m := newMeter()
	m.begin = m.begin.Add(-time.Hour)
	m.add(1_000_000, projector.Applied{}, 1_000_000)
	m.recent = []reading{{m.begin, 0}, {time.Now().Add(-20 * time.Second), 999_900}}
	if p := m.progress(PhaseEvents, 2_000_000); p.PerSecond <= 0 || p.PerSecond > 5 || p.RemainingSeconds < 200_000 {
		t.Errorf("100 messages in 20 s: %+v", p)
	}
	m.recent = []reading{{time.Now().Add(-20 * time.Second), 1_000_000}}
	if p := m.progress(PhaseEvents, 2_000_000); p.PerSecond != 0 || p.RemainingSeconds != 0 {
		t.Errorf("no message in 20 s: %+v", p)
	}
	for range 1000 {
		m.progress(PhaseEvents, 2_000_000)
	}
	m.recent[0].at = time.Now().Add(-20 * time.Second)
	for i := range m.recent {
		m.recent[i].at = m.recent[0].at
	}
	m.progress(PhaseEvents, 2_000_000)
	if len(m.recent) > 2 {
		t.Errorf("%d readings are kept", len(m.recent))
	}
}
