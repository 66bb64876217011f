//go:build linux && powerloss

// These tests mount file systems: they need root, and mkfs.ext4. `task
// powerloss` runs them.

package endtoend

import (
	"bytes"
	"context"
	"database/sql"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rosey/bot/cytube/cytubetest"
)

// disk is a file system of its own whose power can be cut: what was not synced
// is gone then, as the journal of the file system would have it.
type disk struct {
	t     *testing.T
	image string
	path  string
}

func newDisk(t *testing.T) *disk {
	t.Helper()
	dir := t.TempDir()
	d := &disk{t: t, image: filepath.Join(dir, "image"), path: filepath.Join(dir, "mounted")}
	if err := os.Mkdir(d.path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(d.image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(d.image, 2<<30); err != nil {
		t.Fatal(err)
	}
	command(t, "mkfs.ext4", "-q", d.image)
	d.mount()
	t.Cleanup(func() { _ = exec.Command("umount", d.path).Run() }) // it may not be mounted
	return d
}

func (d *disk) mount() {
	d.t.Helper()
	command(d.t, "mount", "-o", "loop", d.image, d.path)
}

// cut ends the file system at once: nothing is flushed, not even its journal.
func (d *disk) cut() {
	d.t.Helper()
	const (
		ext4Shutdown = 0x8004587d // EXT4_IOC_SHUTDOWN
		noLogFlush   = 2
	)
	root, err := os.Open(d.path)
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	if err := unix.IoctlSetPointerInt(int(root.Fd()), ext4Shutdown, noLogFlush); err != nil {
		d.t.Fatalf("cut the power: %v", err)
	}
}

// restore brings the file system back as it is on the disk.
func (d *disk) restore() {
	d.t.Helper()
	command(d.t, "umount", d.path)
	d.mount()
}

func command(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// The cut has to be one: what was synced stays, what was not is gone.
func TestDisk_CutDropsWhatWasNotSynced(t *testing.T) {
	d := newDisk(t)
	synced, err := os.Create(filepath.Join(d.path, "synced"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = synced.Close() }()
	if _, err := synced.WriteString("one"); err != nil {
		t.Fatal(err)
	}
	if err := synced.Sync(); err != nil {
		t.Fatal(err)
	}
	if _, err := synced.WriteString(" and two"); err != nil {
		t.Fatal(err)
	}
	d.cut()
	_ = synced.Close() // the disk is gone
	d.restore()
	got, err := os.ReadFile(filepath.Join(d.path, "synced"))
	if err != nil || string(got) != "one" {
		t.Errorf("after the cut the file holds %q, %v", got, err)
	}
}

// The power fails while three processes work. Whatever had been acknowledged
// before is there when it comes back, without a repair by hand.
func TestProcesses_PowerFailsAgainAndAgain(t *testing.T) {
	cuts := 8
	if *long {
		cuts = 100
	}
	r := random(t)
	channel, err := cytubetest.NewChannel(cytubetest.ChannelConfig{Name: "power"})
	if err != nil {
		t.Fatal(err)
	}
	defer channel.Close()
	if err := channel.Join("ann"); err != nil {
		t.Fatal(err)
	}
	d := newDisk(t)
	data := filepath.Join(d.path, "data")
	parts := threeProcesses(t, channel, data)
	w := newWitness(data, "power")
	for n := range cuts {
		spooled, streamSeq := untilTheCut(t, r, d, channel, parts, w)
		t.Logf("cut %d: %d producers, the stream had answered for seq=%d", n+1, len(spooled), streamSeq)
		settle(t, data, "power", "projector", "--data", data)
		check(t, data, spooled, streamSeq)
		if t.Failed() {
			return
		}
	}
	// What is left is an installation like any other.
	for _, p := range parts {
		p.start()
	}
	until(t, "the bot is in the channel", func() bool { return channel.Clients() > 0 })
	until(t, "the tables follow", func() bool { _, seq := w.acknowledged(); return checkpoint(t, data) >= seq })
	for _, i := range []int{2, 1, 0} {
		parts[i].stop()
	}
	spooled, streamSeq := w.acknowledged()
	check(t, data, spooled, streamSeq)
}

// untilTheCut runs the processes until the power fails at some moment, and
// returns what had been acknowledged by then.
func untilTheCut(t *testing.T, r *rand.Rand, d *disk, c *cytubetest.Channel, parts []*part, w *witness) (map[string]int64, int64) {
	t.Helper()
	for _, p := range parts {
		p.start()
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	talk := rand.New(rand.NewPCG(r.Uint64(), 1))
	wg.Go(func() { chatter(ctx, t, c, talk) })
	wg.Go(func() { w.watch(ctx) })
	before := w.total()
	until(t, "events arrive", func() bool { return w.total() > before+100 })
	time.Sleep(time.Duration(r.IntN(1500)) * time.Millisecond)
	spooled, streamSeq := w.acknowledged()
	d.cut()
	for _, p := range parts {
		p.kill()
		p.checkRaces()
	}
	cancel()
	wg.Wait()
	d.restore()
	return spooled, streamSeq
}

// A tool that finds nothing proves nothing: without syncs, the same cut loses
// what was committed.
func TestDisk_CutFindsASpoolThatDoesNotSync(t *testing.T) {
	d := newDisk(t)
	path := filepath.Join(d.path, "lazy.db")
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)")
	if err != nil {
		t.Fatal(err)
	}
	command(t, "sync")
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE events (n INTEGER); INSERT INTO events VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	d.cut()
	_ = db.Close() // the disk is gone
	d.restore()
	found, err := os.ReadFile(path)
	if err == nil && bytes.Contains(found, []byte("CREATE TABLE events")) {
		t.Error("what nobody synced is there")
	}
}
