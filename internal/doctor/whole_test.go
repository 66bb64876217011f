package doctor_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rosey/internal/doctor"
	"rosey/streams"
)

// damage overwrites a piece of the store's last block, as a bad disk does, and
// starts the server again.
func (h *house) damage() {
	h.t.Helper()
	blocks, err := filepath.Glob(filepath.Join(h.dir.JetStream(), "jetstream", "*", "streams", streams.StreamName, "msgs", "*.blk"))
	if err != nil || len(blocks) == 0 {
		h.t.Fatalf("no block in %s: %v", h.dir.JetStream(), err)
	}
	f, err := os.OpenFile(blocks[len(blocks)-1], os.O_WRONLY, 0)
	if err != nil {
		h.t.Fatal(err)
	}
	info, err := f.Stat()
	if err == nil {
		_, err = f.WriteAt(bytes.Repeat([]byte{0xa5}, 40), info.Size()/2)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		h.t.Fatal(err)
	}
	if err := h.Server.Restart(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	h.Conn = h.Connect(h.t)
	if h.Stream, err = streams.Open(h.t.Context(), h.Conn); err != nil {
		h.t.Fatal(err)
	}
}

func TestExamine_ADamagedStoreIsNoErasure(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	r := h.begin("a")
	r.say(200)
	r.stop()
	h.project()
	h.erase(5, 6, 190)
	h.damage()
	h.change("DROP INDEX bot_sessions_time") // what is wrong with the tables must not lead to a rebuild
	for _, look := range []string{"first", "second"} {
		report := h.report()
		c := check(t, report, doctor.StreamWhole)
		if c.State != doctor.Wrong || !strings.Contains(c.Detail, "seq=") || !strings.Contains(c.Remedy, "rebuild nothing") {
			t.Errorf("%s look: it says %s", look, text(c))
		}
		if report.Stream.Erased != 3 {
			t.Errorf("%s look: %d are called erased, want 3", look, report.Stream.Erased)
		}
		for _, c := range report.Checks {
			if strings.Contains(c.Remedy, "rosey replay") {
				t.Errorf("%s look: it advises to rebuild: %s", look, text(c))
			}
		}
	}
}

func TestExamine_ErasedMessagesAreNoDamage(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	r := h.begin("a")
	r.say(200)
	r.stop()
	h.project()
	h.erase(5, 6, 100, 202, 201)
	h.purge(3)
	if c := check(t, h.report(), doctor.StreamWhole); c.State != doctor.OK {
		t.Errorf("it says %s", text(c))
	}
}

// A block that cannot be read at all is not waited for.
func TestExamine_AnUnreadableBlockIsWrong(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	r := h.begin("a")
	r.say(10)
	r.drain()
	h.FillBlock(t)
	r.stop()
	h.project()
	h.DamageBlock(t, 1, time.Second)
	report := h.report()
	c := check(t, report, doctor.StreamWhole)
	if c.State != doctor.Wrong || !strings.Contains(c.Detail, "seq=1 is stored and cannot be read") || !strings.Contains(c.Remedy, "rebuild nothing") {
		t.Errorf("it says %s", text(c))
	}
	if report.State != doctor.Wrong {
		t.Errorf("the verdict is %q", report.Verdict)
	}
	for _, c := range report.Checks {
		if strings.Contains(c.Remedy, "rosey replay") {
			t.Errorf("it advises to rebuild: %s", text(c))
		}
	}
}

func TestExamine_AnUnreadableQueueIsWrong(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.project()
	h.FillBucket(t, streams.OutboundBucket, "lounge.foreign")
	h.DamageBlockOf(t, "KV_"+streams.OutboundBucket, 1, time.Second)
	c := check(t, h.report(), doctor.OutboundQueue)
	if c.State != doctor.Wrong || !strings.Contains(c.Detail, "nothing is sent: revision ") || !strings.Contains(c.Detail, streams.OutboundBucket) ||
		!strings.Contains(c.Remedy, "rosey restore DIR") {
		t.Errorf("it says %s", text(c))
	}
}
