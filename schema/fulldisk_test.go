package schema_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"rosey/schema"
)

// What a rebuild that is gone on with has already is not asked for again.
func TestStore_RoomBesideWhatIsThereAlready(t *testing.T) {
	t.Parallel()
	store := schema.Store{Link: filepath.Join(t.TempDir(), "rosey.db")}
	sparse := func(path string, size int64) {
		t.Helper()
		err := os.WriteFile(path, nil, 0o600)
		if err == nil {
			err = os.Truncate(path, size)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	const large = 8 << 40 // more than any disk has left
	sparse(store.Link, large)
	made := store.Link + ".g2"
	var room *schema.RoomError
	if err := store.Room(made); !errors.As(err, &room) || room.Need != large {
		t.Fatalf("for the whole: %v", err)
	}
	sparse(made, large-4096)
	if err := store.Room(made); err != nil {
		t.Errorf("for the rest: %v", err)
	}
}
