package schema_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"rosey/schema"
)

// begin begins a generation and makes its file.
func begin(t *testing.T, s schema.Store) schema.Generation {
	t.Helper()
	g, err := s.Begin()
	if err != nil {
		t.Fatal(err)
	}
	write(t, g.Path)
	return g
}

func write(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// beside lists all that stands beside a store's link, but for the link's own.
func beside(t *testing.T, s schema.Store) []string {
	t.Helper()
	found, err := filepath.Glob(s.Link + ".g*")
	if err != nil {
		t.Fatal(err)
	}
	for i := range found {
		found[i] = strings.TrimPrefix(found[i], s.Link+".")
	}
	return found
}

func TestStore_DiscardRemovesWhatIsUnfinished(t *testing.T) {
	t.Parallel()
	for name, link := range map[string]func(s schema.Store) error{
		"with a link": func(schema.Store) error { return nil },
		"no link":     func(s schema.Store) error { return os.Remove(s.Link) },
		"a plain file": func(s schema.Store) error {
			return errors.Join(os.Remove(s.Link), os.WriteFile(s.Link, []byte("x"), 0o600))
		},
	} {
		// The third one is newer than the current one, and finished all the same.
		s := newStore(t, 3, 2)
		if err := link(s); err != nil {
			t.Fatal(err)
		}
		half := begin(t, s)
		for _, suffix := range []string{"-wal", "-shm", "-journal"} {
			write(t, half.Path+suffix)
		}
		gone, err := s.Discard()
		if err != nil || !slices.Equal(gone, []string{half.Path}) {
			t.Errorf("%s: discarded %v, %v", name, gone, err)
		}
		if got := beside(t, s); !slices.Equal(got, []string{"g1", "g2", "g3"}) {
			t.Errorf("%s: left %v", name, got)
		}
	}
}

// A crash while it is discarded leaves the mark at least.
func TestStore_DiscardGoesOnAfterACrash(t *testing.T) {
	t.Parallel()
	s := newStore(t, 1, 1)
	half := begin(t, s)
	if err := os.Remove(half.Path); err != nil {
		t.Fatal(err)
	}
	if next, err := s.Next(); err != nil || next.Number != half.Number+1 {
		t.Errorf("the next one is %+v, %v, beside a mark", next, err)
	}
	if gone, err := s.Discard(); err != nil || len(gone) != 1 {
		t.Errorf("discarded %v, %v", gone, err)
	}
	if got := beside(t, s); !slices.Equal(got, []string{"g1"}) {
		t.Errorf("left %v", got)
	}
}

func TestStore_DiscardLeavesWhatCanBeGoneOnWith(t *testing.T) {
	t.Parallel()
	s := newStore(t, 1, 1)
	half := begin(t, s)
	write(t, half.Path+schema.ResumeSuffix)
	if gone, err := s.Discard(); err != nil || len(gone) > 0 {
		t.Errorf("discarded %v, %v", gone, err)
	}
	if err := s.Prune(1); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(half.Path); err != nil {
		t.Errorf("pruned: %v", err)
	}
	if p, err := s.Previous(); !errors.Is(err, schema.ErrNoPrevious) {
		t.Errorf("previous is the unfinished %+v, %v", p, err)
	}
	if err := os.Remove(half.Path + schema.ResumeSuffix); err != nil {
		t.Fatal(err)
	}
	if gone, err := s.Discard(); err != nil || len(gone) != 1 {
		t.Errorf("discarded %v, %v", gone, err)
	}
	if got := beside(t, s); !slices.Equal(got, []string{"g1"}) {
		t.Errorf("left %v", got)
	}
}

// A crash between the swap and the mark's end leaves a marked current one.
func TestStore_TheCurrentIsNeverDiscarded(t *testing.T) {
	t.Parallel()
	s := newStore(t, 2, 2)
	write(t, s.Link+".g2.unfinished")
	current, err := s.Current()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Abandon(current); err != nil {
		t.Fatal(err)
	}
	if gone, err := s.Discard(); err != nil || len(gone) > 0 {
		t.Errorf("discarded %v, %v", gone, err)
	}
	if got := beside(t, s); !slices.Equal(got, []string{"g1", "g2"}) {
		t.Errorf("left %v", got)
	}
}

func TestStore_SwapFinishes(t *testing.T) {
	t.Parallel()
	s := newStore(t, 1, 1)
	next := begin(t, s)
	if err := s.Swap(next); err != nil {
		t.Fatal(err)
	}
	want := []string{"g1", "g2"}
	if got := beside(t, s); !slices.Equal(got, want) {
		t.Errorf("after the swap there are %v", got)
	}
	if gone, err := s.Discard(); err != nil || len(gone) > 0 {
		t.Errorf("discarded %v, %v", gone, err)
	}
	if got := beside(t, s); !slices.Equal(got, want) {
		t.Errorf("left %v", got)
	}
}

// Two that begin at the same time each have a generation of their own.
func TestStore_BeginTwiceAtOnce(t *testing.T) {
	t.Parallel()
	s := schema.Store{Link: filepath.Join(t.TempDir(), "rosey.db")}
	const n = 16
	begun := make(chan int, n)
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			g, err := s.Begin()
			if err != nil {
				t.Error(err)
			}
			begun <- g.Number
		})
	}
	all.Wait()
	close(begun)
	seen := map[int]bool{}
	for number := range begun {
		if seen[number] {
			t.Errorf("generation %d was begun twice", number)
		}
		seen[number] = true
	}
}

// A crash while the mark is being written leaves its draft.
func TestStore_RemovesTheDraftOfAMark(t *testing.T) {
	t.Parallel()
	s := schema.Store{Link: filepath.Join(t.TempDir(), "rosey.db")}
	g := begin(t, s)
	write(t, g.Path+".resume.new")
	if gone, err := s.Discard(); err != nil || len(gone) != 1 {
		t.Fatalf("discarded %v, %v", gone, err)
	}
	if left := beside(t, s); len(left) != 0 {
		t.Errorf("left %v", left)
	}
	path := filepath.Join(t.TempDir(), "old.db.partial")
	write(t, path+".resume.new")
	if err := schema.RemoveResume(path); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path + ".resume.new"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the draft of %s is still there: %v", path, err)
	}
}
