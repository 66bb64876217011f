package embedded

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"rosey/streams/lockfile"
)

// A process that was just killed has its lock until it has ended. The clock in here
// moves only while everybody waits: no machine is too slow.
func TestStart_WaitsForAHolderThatEnds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		first, err := lockStore(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		time.AfterFunc(lockfile.Patience-100*time.Millisecond, func() { ended <- first.Unlock() })
		second, err := lockStore(t.Context(), dir)
		if err := <-ended; err != nil {
			t.Errorf("unlock: %v", err)
		}
		if err != nil {
			t.Fatalf("start beside a holder that ends: %v", err)
		}
		if _, err := lockStore(t.Context(), dir); !errors.Is(err, ErrStoreInUse) {
			t.Errorf("beside one that does not: %v, want ErrStoreInUse", err)
		}
		if err := second.Unlock(); err != nil {
			t.Error(err)
		}
	})
}
