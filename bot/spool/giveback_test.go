package spool

import (
	"os"
	"strings"
	"testing"

	"rosey/events"
)

func TestDrain_GivesSpaceBackAfterAnOutage(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t.TempDir())
	s := openSpool(t, cfg)
	begin(t, s)
	line := strings.Repeat("x", 30_000)
	for range 10 {
		evs := make([]*events.Event, 200)
		for i := range evs {
			evs[i] = said(line)
		}
		put(t, s, evs...)
	}
	closeSpool(t, s) // the log goes into the file
	before := fileSize(t, cfg.Path)

	s = openSpool(t, cfg)
	begin(t, s)
	stop := startDrain(t, s, newMemory())
	waitUntil(t, func() bool {
		free, err := pragma(t.Context(), s.db, "freelist_count")
		return err == nil && free <= keepPages && s.Depth().Events == 0
	})
	stop()
	closeSpool(t, s)
	if after := fileSize(t, cfg.Path); before < 50<<20 || after > 2*keepPages*4096 {
		t.Errorf("the file had %d bytes and has %d, want it small again", before, after)
	}
}

func fileSize(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func TestSpool_FailingTellsWhy(t *testing.T) {
	t.Parallel()
	s, _ := newSpool(t, func(c *Config) { c.BackoffMax = c.BackoffMin })
	app := &faulty{Appender: newMemory()}
	for range 100_000 {
		app.next = append(app.next, faultUnavailable)
	}
	stop := startDrain(t, s, app)
	defer stop()
	put(t, s, said("one"))
	waitUntil(t, func() bool { since, err := s.Failing(); return err != nil && !since.IsZero() })
	app.mu.Lock()
	app.next = nil
	app.mu.Unlock()
	settle(t, s)
	waitUntil(t, func() bool { since, err := s.Failing(); return err == nil && since.IsZero() })
}
