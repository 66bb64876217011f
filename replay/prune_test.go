package replay_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rosey/replay"
	"rosey/schema"
	"rosey/streams/streamstest"
)

// obstruct puts something in the place of an old generation that cannot be removed.
func obstruct(t *testing.T, store schema.Store, number string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(store.Link+".g"+number, "mine"), 0o700); err != nil {
		t.Fatal(err)
	}
}

// After the swap the tables are remade, whatever becomes of the old ones.
func TestSwap_OldGenerationsThatStayAreNoError(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 10)
	project(t, env, store)
	obstruct(t, store, "2")
	cfg := config(env)
	cfg.Keep, cfg.Grace = 1, time.Nanosecond
	res, err := replay.Swap(t.Context(), store, cfg)
	if err != nil || res.Note == "" || currentNumber(t, store) != 3 {
		t.Fatalf("%+v, %v: want a note", res, err)
	}
	cfg.Keep = 2
	if res, err = replay.Swap(t.Context(), store, cfg); err != nil || res.Note == "" {
		t.Fatalf("%+v, %v: want a note", res, err)
	}
	cfg.Keep = 1
	if res, err = replay.Undo(t.Context(), store, cfg); err != nil || res.Note == "" || currentNumber(t, store) != 3 {
		t.Errorf("undone: %+v, %v: want a note", res, err)
	}
	wantEqual(t, env, store)
}

func TestSupervisor_ProjectsThoughOldGenerationsStay(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 10)
	project(t, env, store)
	change(t, store.Link, "UPDATE projection_state SET fingerprint = 'another'")
	obstruct(t, store, "2")
	cfg := supervisorConfig(env, store)
	cfg.Keep, cfg.Grace = 1, time.Nanosecond
	s := supervise(t, cfg)
	s.caughtUp(t, env)
	if w := s.ended(t); w.Error != "" || w.Result == nil || w.Result.Note == "" {
		t.Errorf("the work came to %+v", w)
	}
	if w := s.do(t, replay.Request{Kind: replay.KindRebuild}); w.Result.Note == "" {
		t.Errorf("beside the projection: %+v", w.Result)
	}
	evening(t, env, "p2", 5)
	s.caughtUp(t, env)
	s.stop()
	wantEqual(t, env, store)
}

// generationsOf lists the databases beside the link.
func generationsOf(t *testing.T, store schema.Store) []string {
	t.Helper()
	return slices.DeleteFunc(filesOf(t, store), func(name string) bool { return strings.ContainsAny(name, ".-") })
}

// follow does the first half of opening the link, as any tool does: the second is
// to open the file.
func follow(t *testing.T, store schema.Store) string {
	t.Helper()
	name, err := os.Readlink(store.Link)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(filepath.Dir(store.Link), name)
}

// However few generations are kept, whoever has followed the link finds the file.
func TestSupervisor_KeepingOneFailsNoReader(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 100)
	cfg := supervisorConfig(env, store)
	cfg.Grace = time.Hour // on a machine that is busy elsewhere this may take long
	s := supervise(t, cfg)
	s.caughtUp(t, env)
	appending := startLoad(t, env, "p2")

	stop := make(chan struct{})
	var wg sync.WaitGroup
	look := watching(t, stop, &wg, "a reader that opens the link", fresh(store.Link))
	var opened []string
	for range 3 { // no more: then they are waited for
		path := follow(t, store)
		s.do(t, replay.Request{Kind: replay.KindRebuild, Keep: 1})
		if seq, _, err := fresh(path)(); err != nil || seq == 0 {
			t.Fatalf("%s, which the link named as it was followed: seq=%d, %v", path, seq, err)
		}
		if opened = append(opened, path); path == follow(t, store) {
			t.Fatal("nothing was swapped")
		}
	}
	close(stop)
	wg.Wait()
	appending.stop()
	if look.looks.Load() == 0 {
		t.Error("nobody looked")
	}
	for _, path := range opened {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("it was the current one a moment ago: %v", err)
		}
	}
}

func TestSupervisor_RemovesOldGenerationsOnceTheyHaveStayed(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 10)
	cfg := supervisorConfig(env, store)
	cfg.Grace = 100 * time.Millisecond
	s := supervise(t, cfg)
	s.caughtUp(t, env)
	for _, keep := range []int{3, 1, 2, 1} {
		s.do(t, replay.Request{Kind: replay.KindRebuild, Keep: keep})
	}
	eventually(t, "one generation is left", func() bool { return len(generationsOf(t, store)) == 1 })
	if left, want := generationsOf(t, store), follow(t, store); store.Link+"."+left[0] != want {
		t.Errorf("left %v, want %s", left, want)
	}
	// What is kept stays, and can be gone back to.
	s.do(t, replay.Request{Kind: replay.KindRebuild})
	s.do(t, replay.Request{Kind: replay.KindUndo, Keep: 1})
	eventually(t, "what was gone back from is removed", func() bool { return len(generationsOf(t, store)) == 1 })
	s.stop()
	wantEqual(t, env, store)
}

// Beside nobody, the one who rebuilds waits before the file goes.
func TestSwap_KeepingOneWaitsForReaders(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 10)
	project(t, env, store)
	old := follow(t, store)
	cfg := config(env)
	cfg.Keep, cfg.Grace = 1, 500*time.Millisecond
	waited := false
	cfg.Progress = func(p replay.Progress) {
		if p.Phase != replay.PhaseRemoving {
			return
		}
		waited = true
		if follow(t, store) == old {
			t.Error("it waits before the swap")
		}
		if seq, _, err := fresh(old)(); err != nil || seq == 0 {
			t.Errorf("a reader that opens the file late: seq=%d, %v", seq, err)
		}
	}
	if res, err := replay.Swap(t.Context(), store, cfg); err != nil || res.Note != "" {
		t.Fatalf("%+v, %v", res, err)
	}
	if !waited {
		t.Error("it did not wait")
	}
	if _, err := os.Stat(old); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the old one is left: %v", err)
	}
}

// What is interrupted then has come to its end all the same.
func TestSwap_KeepingOneIsDoneThoughNobodyWaits(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 10)
	project(t, env, store)
	ctx, cancel := context.WithCancel(t.Context())
	cfg := config(env)
	cfg.Keep, cfg.Grace = 1, time.Hour
	cfg.Progress = func(p replay.Progress) {
		if p.Phase == replay.PhaseRemoving {
			cancel()
		}
	}
	res, err := replay.Swap(ctx, store, cfg)
	if err != nil || !strings.Contains(res.Note, "next rebuild") || currentNumber(t, store) != 2 {
		t.Errorf("%+v, %v: want the new tables, and a note", res, err)
	}
	if left := generationsOf(t, store); len(left) != 2 {
		t.Errorf("left %v", left)
	}
}

// One after the other, each removes what was not current any more as it began.
func TestSwap_WhatJustBecameOldStays(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 10)
	project(t, env, store)
	cfg := config(env)
	cfg.Grace = time.Hour // no machine is too slow for it
	for range 3 {
		if _, err := replay.Swap(t.Context(), store, cfg); err != nil {
			t.Fatal(err)
		}
	}
	if left := generationsOf(t, store); len(left) != 4 {
		t.Errorf("left %v: each of them was current a moment ago", left)
	}
	cfg.Grace = time.Nanosecond
	if _, err := replay.Swap(t.Context(), store, cfg); err != nil {
		t.Fatal(err)
	}
	if left := generationsOf(t, store); len(left) != schema.Keep {
		t.Errorf("left %v", left)
	}
}

// However fast they follow each other, the disk does not fill with what was current a
// moment ago, and nothing goes before its time.
func TestSwap_NoMoreThanAFewStay(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 10)
	project(t, env, store)
	waits, old := 0, ""
	cfg := config(env)
	cfg.Keep, cfg.Grace = 2, 3*time.Second
	cfg.Progress = func(p replay.Progress) {
		if p.Phase == replay.PhaseRemoving {
			waits++
			if seq, _, err := fresh(old)(); err != nil || seq == 0 {
				t.Errorf("a reader that opens the file late: seq=%d, %v", seq, err)
			}
		}
	}
	for range 7 {
		old = follow(t, store)
		if res, err := replay.Swap(t.Context(), store, cfg); err != nil || res.Note != "" {
			t.Fatalf("%+v, %v", res, err)
		}
		if _, err := os.Stat(old); err != nil {
			t.Errorf("the one that was just replaced: %v", err)
		}
		if left := generationsOf(t, store); len(left) > 2+3 {
			t.Fatalf("left %v", left)
		}
	}
	if waits > 2 {
		t.Errorf("it waited %d times of 7", waits)
	}
	wantEqual(t, env, store)
}

// Three too many stay, and the fourth is waited for.
func TestSwap_WaitsForOneTooManyAlone(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 10)
	project(t, env, store)
	cfg := config(env)
	cfg.Keep, cfg.Grace = 2, time.Hour
	const most = 2 + 3
	for waited := false; !waited; {
		ctx, cancel := context.WithCancel(t.Context())
		cfg.Progress = func(p replay.Progress) {
			if p.Phase == replay.PhaseRemoving {
				waited = true
				cancel()
			}
		}
		_, err := replay.Swap(ctx, store, cfg)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		if left := generationsOf(t, store); waited != (len(left) > most) {
			t.Fatalf("it waited: %t, and left %v", waited, left)
		}
	}
}

func TestSupervisor_NoMoreThanAFewStay(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	evening(t, env, "p1", 10)
	cfg := supervisorConfig(env, store)
	cfg.Grace = 2 * time.Second
	s := supervise(t, cfg)
	s.caughtUp(t, env)
	for range 6 {
		s.do(t, replay.Request{Kind: replay.KindRebuild, Keep: 1})
		if left := generationsOf(t, store); len(left) > 1+3 {
			t.Fatalf("left %v", left)
		}
	}
	s.stop()
	wantEqual(t, env, store)
}

// Beside nobody too, no one is taken back.
func TestUndo_ReplacesWhatIsBehindOnly(t *testing.T) {
	t.Parallel()
	env, store := rebuilt(t)
	change(t, store.Link, "UPDATE projection_state SET seq = seq + 10")
	if _, err := replay.Undo(t.Context(), store, config(env)); !errors.Is(err, replay.ErrBehind) {
		t.Errorf("error %v, want ErrBehind", err)
	}
	if n := currentNumber(t, store); n != 2 {
		t.Errorf("generation %d is the current one, want 2", n)
	}
}
