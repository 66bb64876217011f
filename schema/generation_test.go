package schema_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rosey/schema"
)

// newStore has generations 1 to n, each with its number in a row, and the given
// one current.
func newStore(t *testing.T, n, current int) schema.Store {
	t.Helper()
	s := schema.Store{Link: filepath.Join(t.TempDir(), "rosey.db")}
	for i := range n {
		g, err := s.Next()
		if err != nil || g.Number != i+1 {
			t.Fatalf("next generation %+v, %v; want %d", g, err, i+1)
		}
		db, err := schema.Create(t.Context(), g.Path)
		if err != nil {
			t.Fatal(err)
		}
		exec(t, db, "INSERT INTO stream_holes VALUES (?, 0)", g.Number)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if g.Number == current {
			if err := s.Swap(g); err != nil {
				t.Fatal(err)
			}
		}
	}
	return s
}

func generations(t *testing.T, s schema.Store) []string {
	t.Helper()
	found, err := filepath.Glob(s.Link + ".g*")
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, f := range found {
		list = append(list, strings.TrimPrefix(f, s.Link+"."))
	}
	return list
}

func holes(t *testing.T, db *schema.DB) string {
	t.Helper()
	return strings.Join(names(t, db, "SELECT first_seq FROM stream_holes"), " ")
}

func TestStore_CurrentIsWhatTheLinkNames(t *testing.T) {
	t.Parallel()
	s := newStore(t, 3, 2)
	g, err := s.Current()
	if err != nil || g.Number != 2 || g.Path != s.Link+".g2" {
		t.Errorf("current %+v, %v", g, err)
	}
	for name, wrong := range map[string]func() error{
		"deleted":                      func() error { return os.Remove(s.Link) },
		"a link to a deleted one":      func() error { return os.Symlink("rosey.db.g77", s.Link) },
		"a link to somebody else":      func() error { return os.Symlink("/etc/hosts", s.Link) },
		"a link into another folder":   func() error { return os.Symlink("../rosey.db.g1", s.Link) },
		"a link to a number that is 0": func() error { return os.Symlink("rosey.db.g0", s.Link) },
	} {
		_ = os.Remove(s.Link)
		if err := wrong(); err != nil && name != "deleted" {
			t.Fatal(err)
		}
		if g, err := s.Current(); err == nil {
			t.Errorf("%s: current is %+v", name, g)
		}
	}
}

// Whoever holds the old file open goes on reading it; whoever opens the link
// finds a database at any time.
func TestStore_SwapIsAtomicForReaders(t *testing.T) {
	t.Parallel()
	s := newStore(t, 3, 1)
	old, err := schema.OpenReader(t.Context(), s.Link)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = old.Close() }()
	if got := holes(t, old); got != "1" {
		t.Fatalf("before the swap: %q", got)
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			db, err := schema.OpenReader(t.Context(), s.Link)
			if err != nil {
				t.Errorf("during swaps: %v", err)
				return
			}
			if got := holes(t, db); got != "2" && got != "3" && got != "1" {
				t.Errorf("during swaps: %q", got)
			}
			_ = db.Close()
		}
	})
	for i := range 50 {
		n := 2 + i%2
		if err := s.Swap(schema.Generation{Number: n, Path: s.Link + ".g" + strconv.Itoa(n)}); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	wg.Wait()
	if got := holes(t, old); got != "1" {
		t.Errorf("the old file shows %q after the swap", got)
	}
	fresh, err := schema.OpenReader(t.Context(), s.Link)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = fresh.Close() }()
	if got := holes(t, fresh); got != "3" {
		t.Errorf("the link shows %q after the swap", got)
	}
}

func TestStore_PruneKeepsTheCurrentAndTheNewest(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		n, current, keep int
		want             []string
	}{
		{5, 5, 2, []string{"g4", "g5"}},
		{5, 2, 2, []string{"g2", "g5"}},
		{5, 5, 1, []string{"g5"}},
		{5, 5, 0, []string{"g4", "g5"}}, // by default
		{5, 5, 3, []string{"g3", "g4", "g5"}},
		{2, 2, 5, []string{"g1", "g2"}},
		{11, 11, 2, []string{"g10", "g11"}}, // by number, not by name
	} {
		s := newStore(t, tt.n, tt.current)
		if err := s.Prune(tt.keep); err != nil {
			t.Fatal(err)
		}
		if got := generations(t, s); !slices.Equal(got, tt.want) {
			t.Errorf("%+v: left %v", tt, got)
		}
	}
}

func TestStore_AdoptsAPlainFile(t *testing.T) {
	t.Parallel()
	s := newStore(t, 2, 2)
	copyOf := newStore(t, 3, 3)
	data, err := os.ReadFile(copyOf.Link)
	if err == nil {
		err = os.Remove(s.Link)
	}
	if err == nil {
		err = os.WriteFile(s.Link, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	plain, err := s.Current()
	if err != nil || plain.Number != 0 || plain.Path != s.Link {
		t.Fatalf("current %+v, %v", plain, err)
	}
	g, err := s.Adopt()
	if err != nil || g.Number != 3 {
		t.Fatalf("adopted %+v, %v", g, err)
	}
	if now, err := s.Current(); err != nil || now != g {
		t.Errorf("current %+v, %v; want %+v", now, err, g)
	}
	db, err := schema.OpenWriter(t.Context(), s.Link)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if got := holes(t, db); got != "3" {
		t.Errorf("the adopted one shows %q", got)
	}
	if got := generations(t, s); !slices.Contains(got, "g1") || !slices.Contains(got, "g2") {
		t.Errorf("left %v", got)
	}
}

// What the program does not know stays: names that only look like generations.
func TestStore_OtherFilesAreNoGenerations(t *testing.T) {
	t.Parallel()
	s := newStore(t, 1, 1)
	strange := []string{"rosey.db.g", "rosey.db.g01", "rosey.db.g-1", "rosey.db.g2x", "rosey.db.g+2", "other.db.g9", "rosey.db.bak"}
	for _, name := range strange {
		if err := os.WriteFile(filepath.Join(filepath.Dir(s.Link), name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if g, err := s.Next(); err != nil || g.Number != 2 {
		t.Errorf("next is %+v, %v", g, err)
	}
	if _, err := s.Discard(); err != nil {
		t.Fatal(err)
	}
	if err := s.Prune(1); err != nil {
		t.Fatal(err)
	}
	for _, name := range strange {
		if _, err := os.Stat(filepath.Join(filepath.Dir(s.Link), name)); err != nil {
			t.Error(err)
		}
	}
}

// A database file deleted without what SQLite keeps beside it does not haunt the
// next one of its name.
func TestStore_ANewDatabaseIgnoresTheJournalOfADeletedOne(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "rosey.db.g1")
	db, err := schema.Create(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	exec(t, db, "INSERT INTO stream_holes VALUES (1, 0)")
	wal, err := os.ReadFile(path + "-wal") // as a crash leaves it
	if err != nil || len(wal) == 0 {
		t.Fatalf("no journal to leave behind: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+"-wal", wal, 0o600); err != nil {
		t.Fatal(err)
	}
	if db, err = schema.Create(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if got := holes(t, db); got != "" {
		t.Errorf("rows of the deleted database: %q", got)
	}
}

// A process that was just killed has its lock until it has ended. The clock in here
// moves only while everybody waits: no machine is too slow.
func TestStore_LockWaitsForAHolderThatEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, lockWaits)
}

func lockWaits(t *testing.T) {
	s := schema.Store{Link: filepath.Join(t.TempDir(), "rosey.db")}
	end, err := s.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	time.AfterFunc(200*time.Millisecond, func() { ended <- end() })
	release, err := s.Lock(t.Context())
	if err := <-ended; err != nil {
		t.Errorf("release: %v", err)
	}
	if err != nil {
		t.Fatalf("lock beside a holder that ends: %v", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
}

func TestStore_HasOneWriter(t *testing.T) {
	t.Parallel()
	s := schema.Store{Link: filepath.Join(t.TempDir(), "new folder", "rosey.db")}
	release, err := s.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var inUse *schema.InUseError
	if _, err := s.Lock(t.Context()); !errors.As(err, &inUse) || inUse.PID != strconv.Itoa(os.Getpid()) || inUse.Path != s.Link {
		t.Errorf("a second writer: %v", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	release, err = s.Lock(t.Context())
	if err != nil {
		t.Fatalf("after the release: %v", err)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
}

func TestStore_RetainedGenerationsStay(t *testing.T) {
	t.Parallel()
	s := newStore(t, 3, 3)
	generation := func(n int) schema.Generation {
		return schema.Generation{Number: n, Path: s.Link + ".g" + strconv.Itoa(n)}
	}
	first, second, third := generation(1), generation(2), generation(3)
	if err := errors.Join(s.Retain(first), s.Retain(third), s.Prune(1)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(first.Path); err != nil {
		t.Errorf("pruned what is retained: %v", err)
	}
	if _, err := os.Stat(second.Path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("not pruned: %v", err)
	}
	if err := s.Swap(first); err != nil {
		t.Fatal(err)
	}
	if gone, err := s.Discard(); err != nil || len(gone) > 0 {
		t.Errorf("discarded %v, %v", gone, err)
	}
	if err := schema.RemoveFile(first.Path); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(first.Path + "*"); len(left) > 0 {
		t.Errorf("removing left %v", left)
	}
}
