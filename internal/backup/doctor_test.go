package backup_test

import (
	"slices"
	"strings"
	"testing"

	"rosey/events"
	"rosey/internal/doctor"
)

// examine says what the doctor finds about a restored stream, and of a producer.
func (h *house) examine(producer string) (doctor.Check, doctor.Producer) {
	h.t.Helper()
	report, err := doctor.Examine(h.t.Context(), doctor.Config{Dir: h.dir, Conn: h.server.Conn})
	must(h.t, err)
	c := slices.IndexFunc(report.Checks, func(c doctor.Check) bool { return c.Name == doctor.StreamRestored })
	p := slices.IndexFunc(report.Producers, func(p doctor.Producer) bool { return p.Producer == producer })
	if c < 0 || p < 0 {
		h.t.Fatalf("the report says nothing of it: %+v", report)
	}
	return report.Checks[c], report.Producers[p]
}

// An old backup, whose bot went on: what is missing is said, from the first moment
// and for good, and nobody vouches for the end of that run.
func TestRestore_TheDoctorSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.say("one")
	h.drain()
	h.project()
	set := h.take()
	h.say("after the backup")
	h.drain()

	dir, _ := restore(t, set)
	other := enter(t, dir)
	other.drain()
	other.project()
	for _, when := range []string{"before the next run", "after it"} {
		c, p := other.examine(h.producer)
		if c.State != doctor.Unknown || !strings.Contains(c.Detail, h.producer) || !strings.Contains(c.Detail, "seq=2") || c.Remedy == "" {
			t.Errorf("%s: %+v", when, c)
		}
		if p.Stream.Verdict != doctor.VerdictUnaccounted || !strings.Contains(p.Detail, "at 2 of its events") {
			t.Errorf("%s: %+v, %s", when, p.Stream, p.Detail)
		}
		other.say("more")
		other.drain()
		must(t, other.spool.Close())
		other.begin()
		other.drain()
		other.project()
	}
}

// A bot that had stopped has nothing behind the backup: the run is complete.
func TestRestore_TheDoctorFindsAStoppedInstallationWhole(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.say("one")
	h.put(events.KindBotStopped, &events.BotStopped{Reason: "stopped"})
	h.drain()
	h.project()
	must(t, h.spool.Close())
	dir, _ := restore(t, h.take())
	other := enter(t, dir)
	other.drain()
	other.project()
	c, p := other.examine(h.producer)
	if c.State != doctor.OK || !strings.Contains(c.Detail, "seq=3") || p.Stream.Verdict != doctor.VerdictComplete {
		t.Errorf("%+v, %+v", c, p.Stream)
	}
}

// Straight after a restore, with events in the spool that were not sent yet, the
// doctor says already what it will say for good.
func TestRestore_TheDoctorSaysItBeforeTheSpoolIsSent(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.say("one")
	h.drain()
	h.project()
	h.say("not sent yet")
	dir, _ := restore(t, h.take())
	other := enter(t, dir)
	for _, when := range []string{"before it is sent", "after it"} {
		if c, _ := other.examine(h.producer); c.State != doctor.Unknown || !strings.Contains(c.Detail, h.producer) {
			t.Errorf("%s: %+v", when, c)
		}
		other.drain()
		other.project()
	}
}
