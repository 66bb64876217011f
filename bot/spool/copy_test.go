package spool

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"rosey/streams/streamstest"
)

// copyOf copies a spool into a folder of the test, and returns a configuration to
// open it with.
func copyOf(t *testing.T, path string) (Config, Copied) {
	t.Helper()
	cfg := testConfig(t.TempDir())
	c, err := Copy(t.Context(), path, cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(cfg.Path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	return cfg, c
}

func TestCopy_OfASpoolInUse(t *testing.T) {
	t.Parallel()
	s, producer := newSpool(t, nil)
	put(t, s, said("one"), said("two"))
	// Others go on putting.
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			_ = s.Put(ctx, said(fmt.Sprint(i)))
		}
	})
	cfg, c := copyOf(t, s.cfg.Path)
	stop()
	wg.Wait()
	last := c.Producers[len(c.Producers)-1]
	if !c.InUse || c.Raw || c.Open != producer || last.Producer != producer || last.LastSeq < 2 || last.Waiting != last.LastSeq || c.Depth.Events != int64(last.LastSeq) {
		t.Errorf("copied %+v", c)
	}
	put(t, s, said("still works"))

	other := openSpool(t, cfg)
	defer closeSpool(t, other)
	if _, previous, err := other.Begin(t.Context()); err != nil || previous.Known {
		t.Errorf("the run before, which went on elsewhere, is %+v, %v", previous, err)
	}
	if earlier, err := other.IsEarlier(t.Context(), producer); err != nil || !earlier {
		t.Errorf("it is an earlier run: %t, %v", earlier, err)
	}
	// From the next run on it is a spool like any other.
	put(t, other, said("here"))
	second := begin(t, other)
	put(t, other, said("and here"))
	if _, previous, err := other.Begin(t.Context()); err != nil || !previous.Known || previous.Producer != second {
		t.Errorf("the run before is %+v, %v", previous, err)
	}
}

func TestCopy_OfASpoolAtRest(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t.TempDir())
	s := openSpool(t, cfg)
	producer := begin(t, s)
	put(t, s, said("one"))
	closeSpool(t, s)
	to, c := copyOf(t, cfg.Path)
	if c.InUse || c.Open != "" || c.Depth.Events != 1 {
		t.Errorf("copied %+v", c)
	}
	other := openSpool(t, to)
	defer closeSpool(t, other)
	if _, previous, err := other.Begin(t.Context()); err != nil || !previous.Known || previous.Producer != producer || previous.LastSeq != 1 {
		t.Errorf("the run before is %+v, %v", previous, err)
	}
}

// What the original still sent after the copy was made is not sent again by a bot
// on the copy, and what it had not sent is.
func TestCopy_NothingArrivesTwiceOrIsLost(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	s, _ := newSpool(t, nil)
	ids := put(t, s, said("one"), said("two"), said("three"))
	cfg, _ := copyOf(t, s.cfg.Path)
	drainAll(t, s, env.Stream)
	other := openSpool(t, cfg)
	defer closeSpool(t, other)
	begin(t, other)
	ids = append(ids, put(t, other, said("four"))...)
	drainAll(t, other, env.Stream)
	checkIDs(t, storedIDs(t, env.Stream), ids)
}

func TestCopy_OfADamagedSpool(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t.TempDir())
	s := openSpool(t, cfg)
	begin(t, s)
	for i := range 200 {
		put(t, s, said(fmt.Sprintf("line %d with some text, so that it takes pages", i)))
	}
	closeSpool(t, s)
	data, err := os.ReadFile(cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	copy(data[len(data)/2:], make([]byte, 4096))
	if err := os.WriteFile(cfg.Path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	// One that was set aside before, too.
	aside := cfg.Path + damagedInfix + "20260101T000000.000"
	if err := os.WriteFile(aside, data, 0o600); err != nil {
		t.Fatal(err)
	}
	to, c := copyOf(t, cfg.Path)
	if !c.Raw {
		t.Errorf("copied %+v", c)
	}
	other := openSpool(t, to)
	defer closeSpool(t, other)
	if n := other.Depth().Events; n < 100 {
		t.Errorf("%d events were taken over", n)
	}
	in, err := Inspect(t.Context(), to.Path)
	if err != nil || len(in.Damaged) != 2 || len(in.Recovered) != 2 {
		t.Errorf("inspected %+v, %v", in, err)
	}
}

func TestCopy_WhatItRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	foreign := filepath.Join(dir, "other.db")
	if err := os.WriteFile(foreign, []byte("something else, and long enough to have a header of its own, whatever it may be, and more of it still"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, _ := newSpool(t, nil)
	for _, c := range []struct {
		from, to string
		want     error
	}{
		{filepath.Join(dir, "none.db"), filepath.Join(dir, "a.db"), fs.ErrNotExist},
		{foreign, filepath.Join(dir, "b.db"), ErrNotASpool},
		{s.cfg.Path, foreign, fs.ErrExist},
	} {
		if _, err := Copy(t.Context(), c.from, c.to); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.from, err, c.want)
		}
		if _, err := os.Stat(c.to); c.to != foreign && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s was made", c.to)
		}
	}
}
