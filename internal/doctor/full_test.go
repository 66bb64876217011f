package doctor_test

import (
	"strings"
	"testing"

	"rosey/events"
	"rosey/internal/doctor"
)

func TestExamine_AFullSpoolIsWrongAndThenTold(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	r := h.begin("a")
	r.put(events.KindBotConnected, &events.BotConnected{Server: "cytu.be"})
	r.say(5)
	r.put(events.KindBotDisconnected, &events.BotDisconnected{Reason: events.ReasonSpoolFull, ObservedMS: 1_700_000_000_000})
	if c := check(t, h.report(), doctor.SpoolFull); c.State != doctor.Wrong || c.Remedy == "" || !strings.Contains(c.Detail, "a.db") {
		t.Errorf("while it lasts: %s", text(c))
	}
	r.put(events.KindBotConnected, &events.BotConnected{Server: "cytu.be"})
	told := func(when string) {
		t.Helper()
		c := check(t, h.report(), doctor.SpoolFull)
		if c.State != doctor.OK || !strings.Contains(c.Detail, "1 time,") || !strings.Contains(c.Detail, "2023-11-14T22:13:20Z") {
			t.Errorf("%s: %s", when, text(c))
		}
	}
	told("with the bot back")
	r.stop()
	told("once it is sent")
	h.project()
	told("once it is projected")
	report := h.report()
	if report.State != doctor.OK || strings.Contains(report.Verdict, "nothing is missing") || !strings.Contains(report.Verdict, "not observed") {
		t.Errorf("the verdict is %q", report.Verdict)
	}
	noServer := func(c *doctor.Config) { c.Conn = nil }
	if c := check(t, h.report(noServer), doctor.SpoolFull); !strings.Contains(c.Detail, "1 time,") {
		t.Errorf("from the tables: %s", text(c))
	}
}

// A recovered spool holds rows of runs that are not the last ones.
func TestExamine_WhatWaitsIsCountedByItsProducer(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	r := h.begin("a")
	r.say(5)
	r.die()
	next := h.begin("a")
	next.say(3)
	h.forget("DELETE FROM events WHERE producer = '" + next.producer + "'")
	if p := producer(t, h.report(), r.producer); p.Waiting == nil || *p.Waiting != 6 {
		t.Errorf("of the earlier run: %s, want 6 waiting", text(p))
	}
	p := producer(t, h.report(), next.producer)
	if p.Waiting == nil || *p.Waiting != 0 || p.Stream.Verdict != doctor.VerdictTailMissing {
		t.Errorf("of the later one: %s, want none waiting, and its tail missing", text(p))
	}
}
