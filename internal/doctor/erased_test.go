package doctor_test

import (
	"strings"
	"testing"

	"rosey/internal/doctor"
	"rosey/replay"
	"rosey/streams"
)

// What looks like the loss of a damaged store is told of while the tables still have
// it, and nothing in the report leads to a rebuild before somebody knows.
func TestExamine_ManyErasedThatTheTablesHave(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	r := h.begin("a")
	r.say(200)
	r.stop()
	h.project()
	h.erase(60, 62, 64)
	h.project()
	erase := func(first, last uint64) {
		t.Helper()
		for seq := first; seq <= last; seq++ {
			h.erase(seq)
		}
	}
	erase(10, 10+streams.ManyAdjacent-1)
	if c := check(t, h.report(), doctor.StreamErased); c.State != doctor.OK {
		t.Errorf("so many may be meant: it says %s", text(c))
	}
	h.erase(59, 61, 63, 65) // one run with what was erased before
	if c := check(t, h.report(), doctor.StreamErased); c.State != doctor.OK {
		t.Errorf("the tables had four of a run: it says %s", text(c))
	}
	h.erase(10 + streams.ManyAdjacent)
	h.change("DROP INDEX bot_sessions_time")
	report := h.report()
	c := check(t, report, doctor.StreamErased)
	if c.State != doctor.Wrong || !strings.Contains(c.Detail, "21, of which one after the other seq=10 to seq=26.") || !strings.Contains(c.Remedy, "rosey replay --accept-erased") {
		t.Errorf("it says %s", text(c))
	}
	for _, c := range report.Checks {
		if c.Name != doctor.StreamErased && strings.Contains(c.Remedy, "rosey replay") {
			t.Errorf("it advises to rebuild: %s", text(c))
		}
	}
	cfg := replay.Config{Stream: h.Stream, AcceptErased: true}
	if _, err := replay.Swap(t.Context(), h.dir.Database(), cfg); err != nil {
		t.Fatal(err)
	}
	if c := check(t, h.report(), doctor.StreamErased); c.State != doctor.OK {
		t.Errorf("of tables that were made without them it says %s", text(c))
	}
}

// It is as bad where the stream begins later, which somebody agreed to.
func TestExamine_ManyErasedOfAStreamThatWasTrimmed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	r := h.begin("a")
	r.say(60)
	r.stop()
	h.purge(10)
	if _, err := replay.Swap(t.Context(), h.dir.Database(), replay.Config{Stream: h.Stream, AcceptGap: true}); err != nil {
		t.Fatal(err)
	}
	if c := check(t, h.report(), doctor.StreamErased); c.State != doctor.OK {
		t.Fatalf("before: it says %s", text(c))
	}
	for seq := uint64(20); seq <= 20+streams.ManyAdjacent; seq++ {
		h.erase(seq)
	}
	if c := check(t, h.report(), doctor.StreamErased); c.State != doctor.Wrong || !strings.Contains(c.Detail, "seq=20 to seq=36") {
		t.Errorf("it says %s", text(c))
	}
}

// Tables that take for erased what is there were made of less than the stream has.
func TestExamine_AHoleThatTheStreamDoesNotHave(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	r := h.begin("a")
	r.say(40)
	r.stop()
	h.erase(12)
	h.project()
	h.change("INSERT INTO stream_holes VALUES (20, 25)")
	c := check(t, h.report(), doctor.StreamErased)
	if c.State != doctor.Wrong || !strings.Contains(c.Detail, "6 messages for erased that the stream holds: seq=20-25") || !strings.Contains(c.Remedy, "rosey replay") {
		t.Errorf("it says %s", text(c))
	}
}
