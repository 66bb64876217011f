package replay

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"rosey/schema"
	"rosey/streams/streamstest"
)

// Its time may be over in the very moment in which another swap is done: what that one
// replaced has its own.
func TestSweeper_WaitsAfterAnotherSwap(t *testing.T) {
	t.Parallel()
	env, store := streamstest.New(t), schema.Store{Link: filepath.Join(t.TempDir(), "rosey.db")}
	for range 2 {
		if _, err := Swap(t.Context(), store, Config{Stream: env.Stream}); err != nil {
			t.Fatal(err)
		}
	}
	s := newSweeper(store, time.Hour)
	s.keep = 1
	if err := s.sweep(); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Previous(); err != nil {
		t.Errorf("the one before: %v", err)
	}
	select {
	case <-s.due:
	default:
		t.Error("nobody comes back for it")
	}
	s.grace = 1
	if err := s.sweep(); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Previous(); !errors.Is(err, schema.ErrNoPrevious) {
		t.Errorf("the one before: %v, want that it is gone", err)
	}
}
