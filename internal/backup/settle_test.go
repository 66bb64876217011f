package backup_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"rosey/bot/outbound"
	"rosey/internal/backup"
	"rosey/internal/installation"
	"rosey/streams"
	"rosey/streams/streamstest"
)

// errCrash ends a restore as a crash does: nothing is taken back.
var errCrash = errors.New("crash")

// crashes restores until the nth named point; false where there are fewer.
func crashes(t *testing.T, set *backup.Set, dir installation.Dir, n int) (crashed bool) {
	t.Helper()
	return crashesOnto(t, set, backup.Target{Data: dir}, n)
}

func crashesOnto(t *testing.T, set *backup.Set, to backup.Target, n int) (crashed bool) {
	t.Helper()
	defer func() {
		switch r := recover(); r {
		case nil:
		case errCrash:
			crashed = true
		default:
			panic(r)
		}
	}()
	to.Crash = func(string) {
		if n--; n == 0 {
			panic(errCrash)
		}
	}
	_, err := set.Restore(t.Context(), to)
	must(t, err)
	return false
}

func namesIn(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func TestRestore_CutOffAtAnyStepIsRunAgain(t *testing.T) {
	t.Parallel()
	set := full(t)
	restored, _ := restore(t, set)
	want := namesIn(t, string(restored))
	ended := false
	n := 1
	for ; ; n++ {
		dir := installation.Dir(filepath.Join(t.TempDir(), "data"))
		if !crashes(t, set, dir, n) {
			break
		}
		if _, err := os.Stat(dir.JetStream()); err == nil && len(namesIn(t, filepath.Join(string(dir), ".restoring"))) > 1 {
			t.Errorf("crash %d: the store is there, and other parts are not", n)
		}
		_, err := set.Restore(t.Context(), backup.Target{Data: dir})
		if errors.Is(err, backup.ErrNotEmpty) {
			ended = errors.Is(err, backup.ErrComplete) // it was whole, and says so
		} else {
			must(t, err)
		}
		if got := namesIn(t, string(dir)); !slices.Equal(got, want) {
			t.Errorf("after crash %d: %v, want %v", n, got, want)
		}
	}
	if n < 6 || !ended {
		t.Errorf("%d points; the last one is after the end: %t", n-1, ended)
	}
}

// On a server of its own nothing is usable before all is in its place, and the same
// command begins again, or finishes what is left.
func TestRestore_CutOffOnAnotherServerIsRunAgain(t *testing.T) {
	t.Parallel()
	set := full(t)
	ended := false
	n := 1
	for ; ; n++ {
		env := streamstest.New(t, streamstest.WithoutStream())
		to := backup.Target{Conn: env.Connect(t), Data: installation.Dir(filepath.Join(t.TempDir(), "data")), MaxBytes: 1 << 30}
		if !crashesOnto(t, set, to, n) {
			break
		}
		_, openErr := streams.Open(t.Context(), env.Conn)
		_, _, setupErr := streams.Setup(t.Context(), env.Conn, streams.StreamOptions{})
		if !errors.Is(openErr, streams.ErrRestoring) || !errors.Is(setupErr, streams.ErrRestoring) {
			t.Errorf("crash %d: opened %v, set up %v", n, openErr, setupErr)
		}
		if diffs, err := streams.Check(t.Context(), env.Conn, streams.StreamOptions{}); err != nil || !slices.ContainsFunc(diffs, func(d streams.Difference) bool { return d.Field == "state" }) {
			t.Errorf("crash %d: the check finds %v, %v", n, diffs, err)
		}
		to.Conn = env.Conn
		_, err := set.Restore(t.Context(), to)
		if errors.Is(err, backup.ErrComplete) {
			ended = true
		} else {
			must(t, err)
		}
		whole(t, set, env)
	}
	if n < 7 || !ended {
		t.Errorf("%d points; the last one is after the end: %t", n-1, ended)
	}
}

// whole makes sure that a server has all of a backup, for everybody.
func whole(t *testing.T, set *backup.Set, env *streamstest.Env) {
	t.Helper()
	s, err := streams.Open(t.Context(), env.Conn)
	must(t, err)
	state, err := s.State(t.Context())
	must(t, err)
	if state.Messages != set.Stream.Messages || state.Identity.ID != set.Stream.Identity {
		t.Errorf("the stream is %+v", state)
	}
	for _, name := range []string{streams.StreamName, streams.OutboundStream} {
		if mark, _, err := env.Conn.Unfinished(t.Context(), name); err != nil || mark != "" {
			t.Errorf("%s is marked %q, %v", name, mark, err)
		}
	}
	q, err := outbound.OpenQueue(t.Context(), s)
	must(t, err)
	if list, err := q.List(t.Context(), outbound.Filter{}); err != nil || len(list) != int(set.Queue.Messages) {
		t.Errorf("the queue has %+v, %v", list, err)
	}
}

// A queue alone is what is left where the stream was not there yet, or where the
// clearing of both was cut off.
func TestRestore_OntoWhatWasLeftOfIt(t *testing.T) {
	t.Parallel()
	set := full(t)
	for _, what := range []string{"the queue alone", "a queue without a mark", "nothing local"} {
		env := streamstest.New(t, streamstest.WithoutStream())
		conn := env.Connect(t)
		to := backup.Target{Conn: conn, Data: installation.Dir(filepath.Join(t.TempDir(), "data")), MaxBytes: 1 << 30}
		if !crashesOnto(t, set, to, 1) {
			t.Fatal("it did not crash")
		}
		switch what {
		case "the queue alone":
			must(t, env.Conn.Discard(t.Context(), streams.StreamName))
			if _, _, err := streams.Setup(t.Context(), env.Conn, streams.StreamOptions{}); !errors.Is(err, streams.ErrRestoring) {
				t.Errorf("a queue without its stream is set up: %v", err)
			}
		case "a queue without a mark":
			must(t, env.Conn.FinishRestore(t.Context(), streams.OutboundStream))
		}
		other := full(t)
		if _, err := other.Restore(t.Context(), backup.Target{Conn: env.Conn, Data: installation.Dir(t.TempDir())}); !errors.Is(err, backup.ErrLeft) {
			t.Errorf("%s: another backup: %v", what, err)
		}
		if what == "nothing local" {
			must(t, os.RemoveAll(string(to.Data)))
		}
		must(t, set.Check(t.Context(), to))
		to.Conn = env.Conn
		_, err := set.Restore(t.Context(), to)
		must(t, err)
		whole(t, set, env)
	}
}

// Two at a time would remove each other's work.
func TestRestore_OneAtATimeOnAServer(t *testing.T) {
	t.Parallel()
	set := full(t)
	env := streamstest.New(t, streamstest.WithoutStream())
	var second error
	_, err := set.Restore(t.Context(), backup.Target{Conn: env.Conn, Data: installation.Dir(filepath.Join(t.TempDir(), "one")), Crash: func(point string) {
		if second == nil {
			_, second = set.Restore(t.Context(), backup.Target{Conn: env.Connect(t), Data: installation.Dir(filepath.Join(t.TempDir(), "two"))})
		}
	}})
	must(t, err)
	if !errors.Is(second, streams.ErrBeingRestored) {
		t.Errorf("a second one meanwhile: %v", second)
	}
	whole(t, set, env)
}

// What somebody has made in the place of a part since is theirs.
func TestRestore_CutOffLeavesWhatOthersMadeSince(t *testing.T) {
	t.Parallel()
	set := full(t)
	for _, name := range []string{"jetstream", "notes.txt"} {
		dir := installation.Dir(filepath.Join(t.TempDir(), "data"))
		if !crashes(t, set, dir, 3) {
			t.Fatal("it did not crash")
		}
		must(t, os.MkdirAll(filepath.Join(string(dir), name), 0o700))
		before := namesIn(t, string(dir))
		if _, err := set.Restore(t.Context(), backup.Target{Data: dir}); !errors.Is(err, backup.ErrNotEmpty) {
			t.Errorf("%s: %v", name, err)
		}
		if got := namesIn(t, string(dir)); !slices.Equal(got, before) {
			t.Errorf("%s: %v is left of %v", name, got, before)
		}
	}
}

// A list that is not this program's names nothing that may be removed.
func TestRestore_BelievesNoListOfOtherPlaces(t *testing.T) {
	t.Parallel()
	set := full(t)
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	must(t, os.MkdirAll(filepath.Join(data, ".restoring"), 0o700))
	other := filepath.Join(dir, "mine")
	must(t, os.WriteFile(other, []byte("mine"), 0o600))
	must(t, os.WriteFile(filepath.Join(data, ".restoring", "moving.json"), []byte(`["../mine", ".", ".."]`), 0o600))
	_, err := set.Restore(t.Context(), backup.Target{Data: installation.Dir(data)})
	must(t, err)
	if _, err := os.Stat(other); err != nil {
		t.Error(err)
	}
}

func TestOpen_RefusesAManifestWithoutEnd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	name := filepath.Join(dir, backup.ManifestName)
	must(t, os.WriteFile(name, []byte("{}"), 0o600))
	must(t, os.Truncate(name, 1<<30))
	if _, err := backup.Open(dir); !errors.Is(err, backup.ErrDamaged) {
		t.Errorf("opened: %v", err)
	}
}
