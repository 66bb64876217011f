package spool

import (
	"context"
	"errors"
	"fmt"

	"rosey/streams/lockfile"

	"github.com/gofrs/flock"
)

func lockPath(path string) string { return path + ".lock" }

// lockSpool takes the spool for this process, or names its holder where that does
// not end soon.
func lockSpool(ctx context.Context, path string) (*flock.Flock, error) {
	lock, err := lockfile.Take(ctx, lockPath(path))
	var held *lockfile.HeldError
	if errors.As(err, &held) {
		return nil, &InUseError{Path: path, PID: held.PID}
	}
	return lock, err
}

// Holder reports whether a bot works with the spool at path, and its process as
// far as it is known. It takes nothing, and makes no file.
func Holder(path string) (pid int, held bool, err error) {
	pid, held, err = lockfile.Holder(lockPath(path))
	if err != nil {
		return 0, false, fmt.Errorf("spool: look for the holder of %s: %w", path, err)
	}
	return pid, held, nil
}
