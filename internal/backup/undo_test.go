package backup_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"rosey/internal/backup"
	"rosey/internal/installation"
	"rosey/streams"
	"rosey/streams/streamstest"
)

var errSync = errors.New("the disk fails")

// failingSync fails at the nth folder.
func failingSync(n int) func(string) error {
	return func(string) error {
		if n--; n == 0 {
			return errSync
		}
		return nil
	}
}

// Where nobody knows whether the parts are in their places for good none stays.
func TestRestore_ASyncFailsAfterTheLastMove(t *testing.T) {
	t.Parallel()
	set := full(t)
	for _, external := range []bool{false, true} {
		to := backup.Target{Data: installation.Dir(filepath.Join(t.TempDir(), "data"))}
		if external {
			to.Conn, to.MaxBytes = streamstest.New(t, streamstest.WithoutStream()).Conn, 1<<30
		}
		for n := 1; n <= 2; n++ {
			failing := to
			failing.Sync = failingSync(n)
			if _, err := set.Restore(t.Context(), failing); !errors.Is(err, errSync) || errors.Is(err, backup.ErrComplete) {
				t.Errorf("external %t, sync %d: %v", external, n, err)
			}
			if _, err := os.Stat(string(to.Data)); err == nil {
				t.Errorf("external %t, sync %d: it left %v", external, n, namesIn(t, string(to.Data)))
			}
			if !external {
				continue
			}
			for _, stream := range []string{streams.StreamName, streams.OutboundStream} {
				if _, _, err := to.Conn.Unfinished(t.Context(), stream); !errors.Is(err, streams.ErrNoStream) {
					t.Errorf("sync %d: %s is left: %v", n, stream, err)
				}
			}
		}
		_, err := set.Restore(t.Context(), to)
		must(t, err)
	}
}

// From then on it is restored, whatever becomes of its own files.
func TestRestore_ASyncFailsAtTheEnd(t *testing.T) {
	t.Parallel()
	set := full(t)
	dir := installation.Dir(filepath.Join(t.TempDir(), "data"))
	if _, err := set.Restore(t.Context(), backup.Target{Data: dir, Sync: failingSync(3)}); !errors.Is(err, errSync) || !errors.Is(err, backup.ErrComplete) {
		t.Errorf("the list may come back: %v", err)
	}
	if got := enter(t, dir).ids(); len(got) != int(set.Stream.Messages) {
		t.Errorf("the stream has %d messages, want %d", len(got), set.Stream.Messages)
	}
}

// One that was cut off before the sync is finished by the next, which syncs first.
func TestRestore_ASyncFailsWhenItIsFinished(t *testing.T) {
	t.Parallel()
	set := full(t)
	dir := installation.Dir(filepath.Join(t.TempDir(), "data"))
	to := backup.Target{Data: dir, Sync: func(string) error { panic(errCrash) }}
	func() {
		defer func() {
			if r := recover(); r != errCrash {
				t.Errorf("it ended with %v", r)
			}
		}()
		_, err := set.Restore(t.Context(), to)
		must(t, err)
	}()
	for n := 1; n <= 2; n++ {
		to.Sync = failingSync(n)
		if _, err := set.Restore(t.Context(), to); !errors.Is(err, errSync) || errors.Is(err, backup.ErrComplete) {
			t.Errorf("sync %d: %v", n, err)
		}
	}
	to.Sync = nil
	if _, err := set.Restore(t.Context(), to); !errors.Is(err, backup.ErrComplete) {
		t.Errorf("once the disk works: %v", err)
	}
	if got := enter(t, dir).ids(); len(got) != int(set.Stream.Messages) {
		t.Errorf("the stream has %d messages, want %d", len(got), set.Stream.Messages)
	}
}

// obstructed lets somebody else put something where the last part is to go.
func obstructed(t *testing.T, to *backup.Target, also func()) {
	place := to.Data.JetStream()
	to.Crash = func(point string) {
		if _, err := os.Lstat(place); point != "restore.moving" || err == nil || len(namesIn(t, filepath.Join(string(to.Data), ".restoring"))) > 2 {
			return // the list and the store wait
		}
		must(t, os.MkdirAll(filepath.Join(place, "theirs"), 0o700))
		if also != nil {
			also()
		}
	}
}

func TestRestore_APartThatCannotBeMoved(t *testing.T) {
	t.Parallel()
	set := full(t)
	to := backup.Target{Data: installation.Dir(filepath.Join(t.TempDir(), "data"))}
	hindered := to
	obstructed(t, &hindered, nil)
	if _, err := set.Restore(t.Context(), hindered); err == nil {
		t.Error("it took the place of something else")
	}
	if got := namesIn(t, string(to.Data)); !slices.Equal(got, []string{"jetstream"}) {
		t.Errorf("there is %v, and what somebody else put there is the store's", got)
	}
	if got := namesIn(t, to.Data.JetStream()); !slices.Equal(got, []string{"theirs"}) {
		t.Errorf("what somebody else put there has %v", got)
	}
	must(t, os.RemoveAll(to.Data.JetStream()))
	_, err := set.Restore(t.Context(), to)
	must(t, err)
}

// What cannot be removed is still listed, and still marked: the same command goes on.
func TestRestore_APartThatCannotBeRemoved(t *testing.T) {
	t.Parallel()
	set := full(t)
	env := streamstest.New(t, streamstest.WithoutStream())
	to := backup.Target{Data: installation.Dir(filepath.Join(t.TempDir(), "data")), Conn: env.Conn, MaxBytes: 1 << 30}
	list := filepath.Join(string(to.Data), ".restoring", "moving.json")
	aside := filepath.Join(t.TempDir(), "moving.json")
	failing := to
	failing.Sync = func(dir string) error {
		if dir != string(to.Data) {
			return nil
		}
		// A list that cannot be read says nothing of what may be removed.
		must(t, os.Rename(list, aside))
		must(t, os.Mkdir(list, 0o700))
		return errSync
	}
	if _, err := set.Restore(t.Context(), failing); !errors.Is(err, errSync) {
		t.Errorf("it ended with %v", err)
	}
	must(t, os.Remove(list))
	must(t, os.Rename(aside, list))
	if _, err := set.Restore(t.Context(), to); err != nil && !errors.Is(err, backup.ErrComplete) {
		t.Errorf("the same command: %v", err)
	}
	whole(t, set, env)
}

// A queue that has lost its mark is known by its stream: the stream goes last.
func TestRestore_TheClearingIsCutOff(t *testing.T) {
	t.Parallel()
	set := full(t)
	env := streamstest.New(t, streamstest.WithoutStream())
	to := backup.Target{Conn: env.Connect(t), Data: installation.Dir(filepath.Join(t.TempDir(), "data")), MaxBytes: 1 << 30}
	if !crashesOnto(t, set, to, 1) {
		t.Fatal("it did not crash")
	}
	must(t, env.Conn.FinishRestore(t.Context(), streams.OutboundStream))
	for n := 2; n > 0; n-- { // before the second one goes, and before the one that is left
		to.Conn = env.Connect(t)
		points := 0
		func() {
			defer func() {
				if r := recover(); r != errCrash {
					t.Errorf("it ended with %v", r)
				}
			}()
			cut := to
			cut.Crash = func(point string) {
				if points++; point != "restore.discarding" {
					t.Errorf("it came to %s", point)
				}
				if points == n {
					panic(errCrash)
				}
			}
			_, err := set.Restore(t.Context(), cut)
			t.Errorf("it was not cut off: %v", err)
		}()
	}
	to.Conn = env.Connect(t)
	_, err := set.Restore(t.Context(), to)
	must(t, err)
	whole(t, set, env)
}
