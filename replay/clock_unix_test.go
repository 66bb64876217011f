//go:build unix

package replay_test

import (
	"testing"
	"time"

	"rosey/replay"
	"rosey/schema"
	"rosey/streams/streamstest"

	"golang.org/x/sys/unix"
)

// swapAt makes the last swap look as if it had been done then.
func swapAt(t *testing.T, store schema.Store, at time.Time) {
	t.Helper()
	ts := unix.NsecToTimespec(at.UnixNano())
	if err := unix.UtimesNanoAt(unix.AT_FDCWD, store.Link+".before", []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		t.Fatal(err)
	}
}

// A clock that was set back does not keep old generations until it is there again.
func TestStore_SettlingWhenTheClockWasSetBack(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), newStore(t)
	if got := store.Settling(time.Hour); got != 0 {
		t.Errorf("without a swap %v", got)
	}
	evening(t, env, "p1", 10)
	project(t, env, store)
	cfg := config(env)
	cfg.Grace = time.Hour
	for range 2 {
		if _, err := replay.Swap(t.Context(), store, cfg); err != nil {
			t.Fatal(err)
		}
	}
	if got := store.Settling(time.Hour); got <= 0 || got > time.Hour {
		t.Errorf("after a swap %v", got)
	}
	swapAt(t, store, time.Now().Add(10*time.Minute))
	if got := store.Settling(time.Hour); got <= 0 || got > time.Hour {
		t.Errorf("a little later than now: %v, want no more than an hour", got)
	}
	swapAt(t, store, time.Now().Add(5*time.Hour))
	if got := store.Settling(time.Hour); got != 0 {
		t.Errorf("much later than now: %v", got)
	}
	if _, err := replay.Swap(t.Context(), store, cfg); err != nil {
		t.Fatal(err)
	}
	if left := generationsOf(t, store); len(left) != schema.Keep {
		t.Errorf("left %v", left)
	}
}
