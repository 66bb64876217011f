package embedded

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"
	"testing"
)

func TestNoDirectory_OfAnotherUser(t *testing.T) {
	t.Parallel()
	err := noDirectory(&fs.PathError{Op: "mkdir", Path: "/data/jetstream", Err: syscall.EACCES})
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "may not be opened") {
		t.Errorf("another user's: %v", err)
	}
	if err := noDirectory(syscall.ENOSPC); !strings.Contains(err.Error(), "create store directory") {
		t.Errorf("a full disk: %v", err)
	}
}
