package backup_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"rosey/bot/outbound"
	"rosey/internal/backup"
	"rosey/internal/installation"
	"rosey/replay"
	"rosey/streams"
)

// A backup of a running installation, restored elsewhere and started: everything
// that was accepted before it is there once, sent or not; the older database catches
// up by itself, and equals a rebuild.
func TestTake_OfARunningInstallation(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.say("one", "two")
	h.drain()
	h.project() // the database is older than the stream from here on
	h.say("three")
	h.drain()
	h.say("four", "five") // and these are in the spool alone
	last := uint64(6)

	// People go on talking.
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			h.say(fmt.Sprint("later ", i))
		}
	})
	var phases []string
	set := h.take(func(c *backup.Config) {
		c.Progress = func(p backup.Progress) {
			if !slices.Contains(phases, p.Phase) {
				phases = append(phases, p.Phase)
			}
		}
	})
	stop()
	wg.Wait()
	if want := []string{backup.PhaseSpools, backup.PhaseQueue, backup.PhaseDatabase, backup.PhaseStream, backup.PhaseDone}; !slices.Equal(phases, want) {
		t.Errorf("phases %v, want %v", phases, want)
	}
	if set.Database == nil || set.Database.Checkpoint != 3 || set.Stream.LastSeq != 4 || len(set.Spools) != 1 || !set.Spools[0].InUse || set.Spools[0].LastSeq < last {
		t.Errorf("the manifest is %+v", set.Manifest)
	}
	must(t, set.Verify(t.Context(), nil))

	dir, res := restore(t, set)
	untouched, err := installation.Attach(t.Context(), dir, nil)
	must(t, err)
	v, err := replay.Verify(t.Context(), dir.Database(), replay.Config{Stream: untouched.Stream}, 5)
	must(t, errors.Join(err, untouched.Close()))
	if !v.Equal {
		t.Errorf("the restored tables differ from a rebuild: %+v", v.Differences)
	}
	if res.Identity != h.server.Stream.Identity().ID || res.LastSeq != 4 || res.Messages != 4 || res.Checkpoint == nil || *res.Checkpoint != 3 || res.Waiting < 2 || len(res.Changes) > 0 {
		t.Errorf("restored %+v", res)
	}
	if _, err := os.Stat(filepath.Join(string(dir), ".restoring")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the hidden folder is still there: %v", err)
	}
	other := enter(t, dir)
	if other.previous.Known {
		t.Errorf("how the run before ended is known here: %+v", other.previous)
	}
	other.say("here")
	other.drain()
	other.project()
	n := int(set.Spools[0].LastSeq)
	if got, want := other.ids(), append(numbered(h.producer, n), numbered(other.producer, 2)...); !slices.Equal(got, want) {
		t.Errorf("the stream has %v\nwant %v", got, want)
	}
	lines := other.lines()
	if len(lines) != n || !slices.Equal(lines[:5], []string{"one", "two", "three", "four", "five"}) || lines[n-1] != "here" {
		t.Errorf("the tables have %v", lines)
	}
	other.verify()
	if state, err := other.server.Stream.State(t.Context()); err != nil || state.Restored == nil || state.Restored.LastSeq != 4 {
		t.Errorf("the stream says of itself %+v, %v", state.Restored, err)
	}
}

// A backup of a stopped installation vouches for the end of its last run.
func TestTake_OfAStoppedBot(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.say("one")
	h.drain()
	must(t, h.spool.Close())
	set := h.take()
	if set.Database != nil || len(set.Notes) != 1 || set.Spools[0].InUse {
		t.Errorf("the manifest is %+v", set.Manifest)
	}
	dir, _ := restore(t, set)
	other := enter(t, dir)
	if !other.previous.Known || other.previous.Producer != h.producer || other.previous.LastSeq != 2 {
		t.Errorf("the run before is %+v", other.previous)
	}
	other.drain()
	other.project() // there was no database: it is made
	if lines := other.lines(); !slices.Equal(lines, []string{"one"}) {
		t.Errorf("the tables have %v", lines)
	}
}

// One bad byte in a block that the server does not look at when it starts.
func TestTake_OfADamagedStream(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const marked = "the line that the disk spoils"
	h.say("one", marked, "three")
	h.drain()
	must(t, errors.Join(h.spool.Close(), h.server.Stop()))
	found, err := filepath.Glob(filepath.Join(string(h.dir), "jetstream", "jetstream", "*", "streams", streams.StreamName, "msgs", "1.blk"))
	must(t, err)
	if len(found) != 1 {
		t.Fatalf("blocks %v, want one", found)
	}
	block, err := os.ReadFile(found[0])
	must(t, err)
	at := bytes.Index(block, []byte(marked))
	if at < 0 {
		t.Fatal("the block does not have the line")
	}
	block[at] ^= 0xff
	must(t, os.WriteFile(found[0], block, 0o600))

	again := enter(t, h.dir)
	dir := filepath.Join(t.TempDir(), "backup")
	_, err = backup.Take(t.Context(), backup.Config{Dir: dir, Stream: again.server.Stream, Data: again.dir, Program: "test"})
	if !errors.Is(err, streams.ErrLeftOut) && !errors.Is(err, streams.ErrUnreadable) {
		t.Errorf("error %v, want that a message cannot be read", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a backup is left that nobody can restore: %v", err)
	}
}

func TestRestore_QueuedMessagesAreHeldUnlessToldOtherwise(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	m := h.enqueue("say this")
	set := h.take()
	for _, requeue := range []bool{false, true} {
		dir, res := restore(t, set, func(to *backup.Target) { to.Requeue = requeue })
		other := enter(t, dir)
		got, err := other.queue().Get(t.Context(), channel, m.ID)
		must(t, err)
		want := outbound.Unknown
		if requeue {
			want = outbound.Queued
		}
		if got.State != want || res.Held != map[bool]int{false: 1}[requeue] || got.Text != "say this" {
			t.Errorf("requeue %t: it is %s, %d held", requeue, got.State, res.Held)
		}
	}
}

func TestTake_WhatItRefuses(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.say("one")
	h.drain()
	full := t.TempDir()
	must(t, os.WriteFile(filepath.Join(full, "note"), []byte("mine"), 0o600))
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	empty := t.TempDir()
	for _, c := range []struct {
		name string
		ctx  context.Context
		dir  string
		free int64
		want error
	}{
		{"something is there", t.Context(), full, 1 << 40, backup.ErrNotEmpty},
		{"no room", t.Context(), filepath.Join(full, "new"), 100, backup.ErrNoRoom},
		{"interrupted", cancelled, empty, 1 << 40, context.Canceled},
	} {
		_, err := backup.Take(c.ctx, backup.Config{
			Dir: c.dir, Stream: h.server.Stream, Data: h.dir, Free: func(string) (int64, error) { return c.free, nil },
		})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	// What a backup that failed had written is gone.
	failing, fail := context.WithCancel(t.Context())
	dir := filepath.Join(t.TempDir(), "new")
	_, err := backup.Take(failing, backup.Config{Dir: dir, Stream: h.server.Stream, Data: h.dir, Progress: func(p backup.Progress) {
		if p.Phase == backup.PhaseDatabase {
			fail()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("in the middle: %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in the middle: %s is still there", dir)
	}
	for _, d := range []string{full, empty} {
		if list, _ := filepath.Glob(filepath.Join(d, "*")); len(list) > 1 || len(list) == 1 && filepath.Base(list[0]) != "note" {
			t.Errorf("left behind: %v", list)
		}
	}
}

func TestTake_WithoutAUsableDatabase(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.say("one")
	h.drain()
	must(t, os.WriteFile(h.dir.Database().Link, []byte("no database at all, but a text of somebody"), 0o600))
	set := h.take()
	if set.Database != nil || len(set.Notes) != 1 {
		t.Errorf("the manifest is %+v", set.Manifest)
	}
	if _, res := restore(t, set); res.Checkpoint != nil || res.Messages != 2 {
		t.Errorf("restored %+v", res)
	}
}

// A backup that was cut off is made again in the same folder, and nothing else there is
// taken for one.
func TestTake_AfterOneThatWasCutOff(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.say("one")
	h.drain()
	take := func(dir string) error {
		_, err := backup.Take(t.Context(), backup.Config{Dir: dir, Stream: h.server.Stream, Data: h.dir})
		return err
	}
	dir := t.TempDir()
	for _, name := range []string{"stream/ROSEY.snapshot", "spool/lobby.db", ".manifest.json123", ".taking"} {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
		must(t, os.WriteFile(filepath.Join(dir, name), []byte("cut off"), 0o600))
	}
	if _, err := backup.Open(dir); !errors.Is(err, backup.ErrCutOff) {
		t.Errorf("before: %v", err)
	}
	must(t, take(dir))
	set, err := backup.Open(dir)
	must(t, err)
	must(t, set.Verify(t.Context(), nil))
	if names := namesIn(t, dir); slices.Contains(names, ".taking") || slices.Contains(names, ".manifest.json123") {
		t.Errorf("it has %v", names)
	}
	// The end may come between the manifest and the clearing up.
	must(t, os.WriteFile(filepath.Join(dir, ".taking"), nil, 0o600))
	if err := take(dir); !errors.Is(err, backup.ErrTaken) || slices.Contains(namesIn(t, dir), ".taking") {
		t.Errorf("a finished one: %v, %v", err, namesIn(t, dir))
	}
	if err := take(dir); !errors.Is(err, backup.ErrNotEmpty) {
		t.Errorf("a finished one, again: %v", err)
	}
	for _, name := range []string{"spool", "notes.txt"} {
		dir := t.TempDir()
		must(t, os.WriteFile(filepath.Join(dir, name), []byte("mine"), 0o600))
		if name == "notes.txt" {
			must(t, os.WriteFile(filepath.Join(dir, ".taking"), nil, 0o600))
		}
		if err := take(dir); !errors.Is(err, backup.ErrNotEmpty) {
			t.Errorf("with %s: %v", name, err)
		}
		if data, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(data) != "mine" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTake_OneAtATimeInAFolder(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.say("one")
	h.drain()
	dir := t.TempDir()
	var second error
	_, err := backup.Take(t.Context(), backup.Config{Dir: dir, Stream: h.server.Stream, Data: h.dir, Progress: func(backup.Progress) {
		if second == nil {
			_, second = backup.Take(t.Context(), backup.Config{Dir: dir, Stream: h.server.Stream, Data: h.dir})
		}
	}})
	must(t, err)
	if !errors.Is(second, backup.ErrTaking) {
		t.Errorf("a second one meanwhile: %v", second)
	}
	set, err := backup.Open(dir)
	must(t, err)
	must(t, set.Verify(t.Context(), nil))
}
