package embedded

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// lockFile is the name of the lock inside the store directory.
const lockFile = "rosey.lock"

// How long a start waits for the lock, and how often it tries: a process that was
// just killed still has it until it has ended.
const (
	lockPatience = 3 * time.Second
	lockEvery    = 50 * time.Millisecond
)

// lockStore takes the store directory for this process, or names its holder where
// that does not end soon. The file stays when the lock is released: removing it
// would let a third process lock a file that a second one still waits for.
func lockStore(ctx context.Context, dir string) (*flock.Flock, error) {
	path := filepath.Join(dir, lockFile)
	lock := flock.New(path, flock.SetPermissions(0o600))
	patience, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	held, err := lock.TryLockContext(patience, lockEvery)
	switch {
	case held:
	case patience.Err() != nil && ctx.Err() == nil:
		return nil, &StoreInUseError{Dir: dir, PID: lockHolder(path)}
	default:
		return nil, fmt.Errorf("lock store directory %s: %w", dir, err)
	}
	if err := os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600); err != nil {
		_ = lock.Unlock()
		return nil, fmt.Errorf("write lock file %s: %w", path, err)
	}
	return lock, nil
}

func lockHolder(path string) int {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	return pid
}
