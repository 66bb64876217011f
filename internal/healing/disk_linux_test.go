package healing

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"rosey/bot/spool"
	"rosey/replay"
	"rosey/schema"
	"rosey/streams/embedded"
	"rosey/streams/streamstest"
)

// insideEnv tells a process that it is the one in the namespace.
const insideEnv = "HEALING_INSIDE"

// smallDisk mounts a file system of its own of so many bytes. A user who may not
// mount has the test run again in a namespace where it may; then ok is false and
// nothing is left to do.
func smallDisk(t *testing.T, bytes int64) (d *disk, ok bool) {
	t.Helper()
	dir := t.TempDir()
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", bytes))
	if errors.Is(err, syscall.EPERM) && os.Getenv(insideEnv) == "" {
		insideNamespace(t)
		return nil, false
	}
	if err != nil {
		t.Fatalf("a test of full disks mounts a small tmpfs: run it as root, or where users may make namespaces: %v", err)
	}
	t.Cleanup(func() {
		// What a server left open when its disk failed must not keep the mount.
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	return &disk{t: t, dir: dir}, true
}

// insideNamespace runs this one test in a user and mount namespace.
func insideNamespace(t *testing.T) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), insideEnv+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("a test of full disks mounts a small tmpfs: run it as root, or where users may make namespaces: %v\n%s", err, out)
	}
	if !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Fatalf("the test did not run in its namespace:\n%s", out)
	}
}

// disk is a small file system that something else can fill up.
type disk struct {
	t   *testing.T
	dir string
}

func (d *disk) ballast() string { return filepath.Join(d.dir, "ballast") }

// fill takes what is free, but for so many bytes.
func (d *disk) fill(leave int64) {
	d.t.Helper()
	var s syscall.Statfs_t
	if err := syscall.Statfs(d.dir, &s); err != nil {
		d.t.Fatal(err)
	}
	f, err := os.OpenFile(d.ballast(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	page := make([]byte, s.Bsize)
	for free := int64(s.Bavail)*s.Bsize - leave; free > 0; free -= s.Bsize {
		if _, err := f.Write(page); err != nil {
			return // others took the rest
		}
	}
}

func (d *disk) free() {
	d.t.Helper()
	if err := os.Remove(d.ballast()); err != nil {
		d.t.Fatal(err)
	}
}

func TestInstallation_DatabaseDiskFull(t *testing.T) {
	t.Parallel()
	d, ok := smallDisk(t, 24<<20)
	if !ok {
		return
	}
	_, o := embeddedEnv(t)
	o.database = d.dir
	r := newRig(t, o)
	quiet := r.talk()
	for range 3 {
		before := r.proj.Status().Checkpoint.Seq
		r.until("lines are in the tables", func() bool { return r.proj.Status().Checkpoint.Seq > before+50 })
		r.log.mark()
		d.fill(0)
		r.until("the full disk is named", func() bool {
			trouble := r.proj.Status().Trouble
			return trouble != nil && strings.Contains(trouble.Error(), "disk is full") && r.log.has("component=projector", "disk is full")
		})
		lines := r.lines()
		r.until("people talk on", func() bool { return r.lines() > lines+100 })
		d.free()
		r.caughtUp()
	}
	quiet()
	r.check()
}

// A rebuild that finds no room gives back what it took, and the projection goes on.
func TestInstallation_RebuildDiskFull(t *testing.T) {
	t.Parallel()
	d, ok := smallDisk(t, 24<<20)
	if !ok {
		return
	}
	_, o := embeddedEnv(t)
	o.database = d.dir
	r := newRig(t, o)
	quiet := r.talk()
	r.until("lines are in the tables", func() bool { return r.proj.Status().Checkpoint.Seq > 50 })
	rebuild := func() replay.Work {
		if err := r.proj.Start(replay.Request{Kind: replay.KindRebuild}); err != nil {
			t.Fatal(err)
		}
		r.until("the rebuild has ended", func() bool { return !r.proj.Work().Running })
		return r.proj.Work()
	}
	info, err := os.Stat(r.store.Link)
	if err != nil {
		t.Fatal(err)
	}
	// Less than the tables take already, so that nothing is tried; and little more,
	// which runs out on the way.
	for _, leave := range []int64{info.Size() / 2, info.Size() + 8<<10} {
		d.fill(leave)
		if w := rebuild(); w.Class != "disk_full" || w.Remedy == "" {
			t.Errorf("with %d bytes left the rebuild came to %+v", leave, w)
		}
		d.free()
	}
	left, err := filepath.Glob(r.store.Link + ".g2*")
	if err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
	before := r.proj.Status().Checkpoint.Seq
	r.until("the projection goes on", func() bool { return r.proj.Status().Checkpoint.Seq > before+50 })
	if w := rebuild(); w.Error != "" {
		t.Errorf("with room again: %s", w.Error)
	}
	quiet()
	r.check()
}

func TestInstallation_SpoolDiskFull(t *testing.T) {
	t.Parallel()
	d, ok := smallDisk(t, 8<<20)
	if !ok {
		return
	}
	server := streamstest.ExternalServer(t, streamstest.ExternalOptions{})
	o := at(server.URL())
	o.spool = d.dir
	r := newRig(t, o)
	for range 3 {
		r.say(50)
		r.caughtUp()
		server.Kill() // the spool grows only while nothing takes events from it
		r.log.mark()
		d.fill(0)
		r.until("the full disk is named", func() bool {
			r.say(1)
			return r.log.has("component=bot", "disk")
		})
		d.free()
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
		r.caughtUp()
	}
	r.check()
}

func TestInstallation_StoreDiskFull(t *testing.T) {
	t.Parallel()
	d, ok := smallDisk(t, 48<<20)
	if !ok {
		return
	}
	env, o := embeddedEnv(t, streamstest.WithStoreDir(d.dir), streamstest.WithSync(), streamstest.WithServer(func(c *embedded.Config) {
		c.MinFree = 4 << 20
		c.WatchEvery = 100 * time.Millisecond
	}))
	o.stream.MaxBytesIfNew = 256 << 20
	r := newRig(t, o)
	quiet := r.talk()
	for round := range 3 {
		before := r.proj.Status().Checkpoint.Seq
		r.until("lines are in the tables", func() bool { return r.proj.Status().Checkpoint.Seq > before+50 })
		d.fill(0)
		r.until("the full disk is named", func() bool {
			err := env.Server.Health()
			named := errors.Is(err, embedded.ErrDiskLow) || err != nil && strings.Contains(err.Error(), "no space left")
			return named && r.bot.Status().Failing != nil
		})
		lines := r.lines()
		r.until("people talk on", func() bool { return r.lines() > lines+100 })
		if round == 2 {
			// A server that starts on a full disk is no better off.
			if err := env.Server.Restart(t.Context()); err != nil {
				t.Logf("restart on a full disk: %v", err)
			}
			r.until("people talk on", func() bool { return r.lines() > lines+300 })
		}
		d.free()
		r.caughtUp()
	}
	quiet()
	r.check()
}

// A start on a disk with no room says so, and the same start works once there is.
func TestStart_DiskFull(t *testing.T) {
	t.Parallel()
	d, ok := smallDisk(t, 16<<20)
	if !ok {
		return
	}
	d.fill(16 << 10)
	_, err := spool.Open(t.Context(), spool.Config{Path: filepath.Join(d.dir, "spool.db"), Channel: "healing"})
	wantFull(t, "open spool", err)
	_, err = schema.Create(t.Context(), filepath.Join(d.dir, "rosey.db"))
	wantFull(t, "create database", err)
	d.free()
	s, err := spool.Open(t.Context(), spool.Config{Path: filepath.Join(d.dir, "spool.db"), Channel: "healing"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	_, o := embeddedEnv(t)
	o.database, o.spool = d.dir, d.dir
	r := newRig(t, o)
	r.say(20)
	r.check()
}

func wantFull(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), "full") && !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%s: %v, want the full disk named", what, err)
	}
}
