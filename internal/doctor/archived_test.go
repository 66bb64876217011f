package doctor_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rosey/internal/doctor"
	"rosey/replay"
	"rosey/streams/archive"
	"rosey/streams/streamstest"
)

// archive archives the stream of an installation as it is now.
func (h *house) archive(dir string) *archive.Archive {
	h.t.Helper()
	if _, err := archive.Write(h.t.Context(), dir, h.Stream, archive.WriteOptions{}); err != nil {
		h.t.Fatal(err)
	}
	a, err := archive.Open(dir)
	if err != nil {
		h.t.Fatal(err)
	}
	return a
}

func TestExamine_AnArchiveHoldsWhatWasTrimmed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	r := h.begin("a")
	r.say(10)
	r.stop()
	h.project()
	dir := filepath.Join(t.TempDir(), "archive")
	a := h.archive(dir)
	h.purge(6)

	named := func(c *doctor.Config) { c.Archive = dir }
	erased := func(r doctor.Report) doctor.Check { t.Helper(); return check(t, r, doctor.StreamErased) }
	if c := erased(h.report()); c.State != doctor.Wrong || !strings.Contains(c.Remedy, "--archive DIR") {
		t.Errorf("no archive is known: %+v", c)
	}
	if c := erased(h.report(named)); c.State != doctor.OK || !strings.Contains(c.Detail, dir) {
		t.Errorf("an archive is named: %+v", c)
	}
	if _, err := replay.Swap(t.Context(), h.dir.Database(), replay.Config{Stream: h.Stream, Archive: a, AcceptFailures: true}); err != nil {
		t.Fatal(err)
	}
	whole := h.report()
	if c := erased(whole); c.State != doctor.OK || !strings.Contains(c.Detail, dir) || whole.State != doctor.OK {
		t.Errorf("the tables were made with it: %+v in %s, %+v", c, whole.Verdict, whole.Checks)
	}

	// One that belongs to another stream, and one that ends too early.
	other := streamstest.New(t)
	foreign := filepath.Join(t.TempDir(), "foreign")
	if _, err := archive.Write(t.Context(), foreign, other.Stream, archive.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	if c := erased(h.report(func(c *doctor.Config) { c.Archive = foreign })); c.State != doctor.Wrong || !strings.Contains(c.Detail, archive.ErrOtherStream.Error()) || c.Remedy == "" {
		t.Errorf("of another stream: %+v", c)
	}
	more := h.begin("a")
	more.say(5)
	more.stop()
	h.keepUp(false)
	h.purge(a.LastSeq() + 3)
	if c := erased(h.report()); c.State != doctor.Wrong || !strings.Contains(c.Detail, archive.ErrGap.Error()) || c.Remedy == "" {
		t.Errorf("with a hole behind it: %+v", c)
	}
	// A folder that is not there today says nothing of what was in it.
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	if c := erased(h.report()); c.State != doctor.Unknown || !strings.Contains(c.Detail, dir) || !strings.Contains(c.Remedy, "--archive DIR") {
		t.Errorf("not where it was: %+v", c)
	}
}
