package backup_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"rosey/internal/backup"
	"rosey/internal/installation"
)

// errCrash ends a restore as a crash does: nothing is taken back.
var errCrash = errors.New("crash")

// crashes restores until the nth named point; false where there are fewer.
func crashes(t *testing.T, set *backup.Set, dir installation.Dir, n int) (crashed bool) {
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
	_, err := set.Restore(t.Context(), backup.Target{Data: dir, Crash: func(string) {
		if n--; n == 0 {
			panic(errCrash)
		}
	}})
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
	whole, _ := restore(t, set)
	want := namesIn(t, string(whole))
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
			ended = true // it was whole, and says so
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
