package doctor_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rosey/internal/doctor"
	"rosey/streams"
)

// lead gives a run the right to record.
func (h *house) lead(r *run) {
	h.t.Helper()
	h.Hold(h.t, streams.RecorderLease(channel), r.producer, "")
}

// moveAway takes a spool out of the data folder, as one of another machine.
func (h *house) moveAway(name string) {
	h.t.Helper()
	files, err := filepath.Glob(h.dir.Spool(name) + "*")
	if err != nil || len(files) == 0 {
		h.t.Fatalf("no spool %s: %v", name, err)
	}
	to := h.t.TempDir()
	for _, f := range files {
		if err := os.Rename(f, filepath.Join(to, filepath.Base(f))); err != nil {
			h.t.Fatal(err)
		}
	}
}

func TestExamine_ABotElsewhereThatStandsByIsNoRiddle(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	leader := h.begin("a")
	leader.say(5)
	leader.drain()
	h.lead(leader)
	other := h.begin("b")
	other.drain()
	other.die()
	h.moveAway("b")
	h.project()
	r := h.report()
	p := producer(t, r, other.producer)
	if p.Stream.Verdict != doctor.VerdictStandby || p.Tables.Verdict != doctor.VerdictStandby || r.State != doctor.OK {
		t.Errorf("while another leads: %s", text(r))
	}
}

func TestExamine_OneThatRecordedDoesNotStandBy(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	leader := h.begin("a")
	leader.drain()
	h.lead(leader)
	other := h.begin("b")
	other.say(1)
	other.drain()
	other.die()
	h.moveAway("b")
	h.project()
	if p := producer(t, h.report(), other.producer); p.Stream.Verdict != doctor.VerdictUnaccounted {
		t.Errorf("it recorded something: %s", text(p))
	}
}

func TestExamine_TheRightToRecordDoesNotStandForALostSpool(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	r := h.begin("a")
	r.say(5)
	r.drain()
	h.lead(r)
	r.die()
	h.project()
	if p := producer(t, h.report(), r.producer); p.Stream.Verdict != doctor.VerdictRunning {
		t.Errorf("with its spool: %s", text(p))
	}
	h.moveAway("a")
	p := producer(t, h.report(), r.producer)
	if p.Stream.Verdict != doctor.VerdictUnaccounted || !strings.Contains(p.Detail, "right to record") {
		t.Errorf("without its spool: %s", text(p))
	}
	external := func(c *doctor.Config) { c.External = true }
	if p := producer(t, h.report(external), r.producer); p.Stream.Verdict != doctor.VerdictRunning {
		t.Errorf("with a server elsewhere, where the spool may be: %s", text(p))
	}
}
