package schema_test

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"testing"

	"rosey/schema"
)

func swapTo(t *testing.T, s schema.Store, n int) {
	t.Helper()
	if err := s.Swap(schema.Generation{Number: n, Path: s.Link + ".g" + strconv.Itoa(n)}); err != nil {
		t.Fatal(err)
	}
}

func wantPrevious(t *testing.T, s schema.Store, want int) {
	t.Helper()
	g, err := s.Previous()
	if want == 0 {
		if !errors.Is(err, schema.ErrNoPrevious) {
			t.Errorf("previous %+v, %v; want none", g, err)
		}
		return
	}
	if err != nil || g.Number != want {
		t.Errorf("previous %+v, %v; want %d", g, err, want)
	}
}

// Going back twice ends where it began, and what was given up by going back is not
// what comes before its successor.
func TestStore_PreviousIsWhatWasCurrentBefore(t *testing.T) {
	t.Parallel()
	s := newStore(t, 4, 1)
	for _, step := range []struct{ to, before int }{{2, 1}, {3, 2}, {2, 3}, {3, 2}, {2, 3}, {4, 2}, {2, 4}} {
		swapTo(t, s, step.to)
		wantPrevious(t, s, step.before)
	}
	if err := s.Prune(2); err != nil {
		t.Fatal(err)
	}
	if got := generations(t, s); !slices.Equal(got, []string{"g2", "g4"}) {
		t.Errorf("left %v: want the current one and the one before it", got)
	}
	if gone, err := s.Discard(); err != nil || len(gone) > 0 {
		t.Errorf("discarded %v, %v", gone, err)
	}
	wantPrevious(t, s, 4)
}

// Where nothing says what came before, as beside a database of an older program,
// it is the newest.
func TestStore_PreviousWithoutARecord(t *testing.T) {
	t.Parallel()
	s := newStore(t, 3, 3)
	if err := os.Remove(s.Link + ".before"); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	wantPrevious(t, s, 2)
	// What a crash between the two links of a swap leaves: before is itself.
	if err := os.Symlink("rosey.db.g3", s.Link+".before"); err != nil {
		t.Fatal(err)
	}
	wantPrevious(t, s, 2)
	if err := s.Prune(1); err != nil {
		t.Fatal(err)
	}
	wantPrevious(t, s, 0)
}
