package doctor_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"rosey/internal/doctor"
)

func TestExamine_WhoWaitsForADeadServerIsNamed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	r := h.begin("a")
	r.say(5)
	r.drain()
	h.project()
	release, err := h.dir.Database().Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stopped := func(c *doctor.Config) { c.Stopped = true }
	report := h.report(stopped)
	c := check(t, report, doctor.ServerAwaited)
	own := fmt.Sprintf("(process %d)", os.Getpid())
	if c.State != doctor.Wrong || !strings.Contains(c.Detail, "the projector "+own+" and the bot "+own) || !strings.Contains(c.Remedy, "rosey server") {
		t.Errorf("while both run: %s", text(c))
	}
	if report.State != doctor.Wrong {
		t.Errorf("the verdict: %s", report.Verdict)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	if c := check(t, h.report(stopped), doctor.ServerAwaited); c.State != doctor.Wrong || strings.Contains(c.Detail, "projector") {
		t.Errorf("while the bot runs: %s", text(c))
	}
	r.die()
	if c := check(t, h.report(stopped), doctor.ServerAwaited); c.State != doctor.OK {
		t.Errorf("when nothing runs: %s", text(c))
	}
	// Looking has taken nothing.
	h.begin("a").stop()
}
