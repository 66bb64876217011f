package schema

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// A link that may not be durable is none that anybody goes on by.
func TestStore_ASwapThatIsNotDurableIsTakenBack(t *testing.T) {
	t.Parallel()
	s := Store{Link: filepath.Join(t.TempDir(), "rosey.db")}
	broken := errors.New("broken")
	fails := func(string) error { return broken }
	begin := func() Generation {
		g, err := s.Begin()
		if err == nil {
			err = os.WriteFile(g.Path, nil, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	first := begin()
	if err := s.swap(first, fails); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	if _, err := s.Current(); !errors.Is(err, ErrNoDatabase) {
		t.Errorf("the first: %v, want that there is none", err)
	}
	if err := s.Swap(first); err != nil {
		t.Fatal(err)
	}
	next := begin()
	if err := s.swap(next, fails); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	if g, err := s.Current(); err != nil || g != first {
		t.Errorf("current %+v, %v; want %+v", g, err, first)
	}
	if err := s.Abandon(next); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(next.Path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what was begun is left: %v", err)
	}
	if err := s.Swap(begin()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.Link + beforeSuffix); err != nil {
		t.Errorf("the one before: %v", err)
	}
	if err := s.Prune(1); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(s.Link + beforeSuffix); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a link to what is gone is left: %v", err)
	}
}
