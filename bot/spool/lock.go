package spool

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// How long a start waits for a lock, and how often it tries: a process that was
// just killed still has its locks until it has ended.
const (
	lockPatience = 3 * time.Second
	lockEvery    = 50 * time.Millisecond
)

// lockSpool takes the spool for this process, or names its holder where that does
// not end soon. The lock file stays when the lock is released: removing it would
// let a third process lock a file that a second one still waits for.
func lockSpool(ctx context.Context, path string) (*flock.Flock, error) {
	name := path + ".lock"
	lock := flock.New(name, flock.SetPermissions(0o600))
	patience, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	held, err := lock.TryLockContext(patience, lockEvery)
	switch {
	case held:
	case patience.Err() != nil && ctx.Err() == nil:
		return nil, &InUseError{Path: path, PID: lockHolder(name)}
	default:
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	if err := os.WriteFile(name, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600); err != nil {
		_ = lock.Unlock()
		return nil, fmt.Errorf("write lock file: %w", err)
	}
	return lock, nil
}

func lockHolder(name string) int {
	text, err := os.ReadFile(name)
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid < 0 {
		return 0
	}
	return pid
}
