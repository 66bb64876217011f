package doctor

import (
	"path/filepath"
	"testing"
	"time"

	"rosey/bot/spool"
	"rosey/events"
)

// spoolOf makes a spool in which so many events wait.
func spoolOf(t *testing.T, n int) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "a.db")
	s, err := spool.Open(t.Context(), spool.Config{Path: path, Channel: "a"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, _, err := s.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	at := time.Now().UnixMilli()
	for range n {
		err := s.Put(t.Context(), &events.Event{
			Platform: events.PlatformCyTube, Channel: "a", TimeMS: at, ReceivedMS: at, Kind: events.KindMessageLog,
			Payload: &events.MessageLog{Username: "ann", Message: "hi"},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// gone is when the oldest event was put that is not there any more.
func gone() time.Time { return time.Now().Add(-time.Hour) }

func TestDraining_WhatCannotBeReadAgainIsNotSent(t *testing.T) {
	t.Parallel()
	e := &examination{}
	// Fewer wait in the one that can be read than in both before.
	paths := []string{spoolOf(t, 2), filepath.Join(t.TempDir(), "closed.db")}
	if e.draining(t.Context(), paths, 5, gone()) {
		t.Error("what waits is said to be being sent, and nobody has seen anything of it")
	}
}

// As many are put as are sent: what waits is not less, and the oldest is younger.
func TestDraining_WhatWaitsGetsYounger(t *testing.T) {
	t.Parallel()
	if !(&examination{}).draining(t.Context(), []string{spoolOf(t, 5)}, 5, gone()) {
		t.Error("others wait than did, and it is not seen")
	}
}
