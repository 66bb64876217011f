package backup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/gofrs/flock"
)

// Whoever leaves removes the file: one who had it open already tries again with the
// file that is there now.
func TestEnter_HadTheFileOpenThatWasRemoved(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), takingName)
	late := flock.New(path)
	open := func() { // shared, as a lock that is tried for keeps no file open
		t.Helper()
		if ok, err := late.TryRLock(); err != nil || !ok {
			t.Fatalf("%t, %v", ok, err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	open()
	if ok, err := lock(late); err != nil || !ok {
		t.Fatalf("nobody has it: %t, %v", ok, err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the lock is of no file: %v", err)
	}
	if err := late.Unlock(); err != nil {
		t.Fatal(err)
	}
	open()
	next := flock.New(path)
	if ok, err := lock(next); err != nil || !ok {
		t.Fatalf("the next one: %t, %v", ok, err)
	}
	if ok, err := lock(late); err != nil || ok {
		t.Errorf("two have it: %t, %v", ok, err)
	}
	if err := errors.Join(next.Unlock(), late.Unlock()); err != nil {
		t.Error(err)
	}
}

func TestEnter_OnAFileSystemWithoutLocks(t *testing.T) {
	t.Parallel()
	for _, errno := range []error{syscall.ENOLCK, syscall.ENOSYS, syscall.ENOTSUP} {
		if err := unlockable(&fs.PathError{Op: "flock", Path: takingName, Err: errno}); !errors.Is(err, ErrNoLocks) || !errors.Is(err, errno) {
			t.Errorf("%v: %v", errno, err)
		}
	}
	if err := fmt.Errorf("lock: %w", syscall.EIO); errors.Is(unlockable(err), ErrNoLocks) {
		t.Error("a disk that fails is one without locks")
	}
}
