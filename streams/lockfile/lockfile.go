package lockfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"rosey/internal/standstill"

	"github.com/gofrs/flock"
)

// How long Take waits for a holder, and how often it tries: a process that was just
// killed still has its locks until it has ended.
const (
	Patience = 3 * time.Second
	every    = 50 * time.Millisecond
)

// Take takes the lock for this process. A holder that does not end soon is a
// *HeldError.
func Take(ctx context.Context, path string) (*flock.Flock, error) {
	lock := flock.New(path, flock.SetPermissions(0o600))
	patience, cancel := standstill.WithTimeout(ctx, Patience)
	defer cancel()
	held, err := lock.TryLockContext(patience, every)
	switch {
	case held:
	case patience.Err() != nil && ctx.Err() == nil:
		return nil, &HeldError{PID: holder(path)}
	default:
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	if err := os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("write lock file: %w", err), lock.Unlock())
	}
	return lock, nil
}

// Holder reports whether some process has the lock, and which one as far as it is
// known. It takes nothing, and makes no file.
func Holder(path string) (pid int, held bool, err error) {
	if _, err := os.Stat(path); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return 0, false, nil
		}
		return 0, false, err
	}
	// A shared lock is refused while the holder has its own, and given back at once.
	lock := flock.New(path, flock.SetFlag(os.O_RDONLY))
	free, err := lock.TryRLock()
	if err != nil {
		return 0, false, err
	}
	if !free {
		return holder(path), true, nil
	}
	return 0, false, lock.Unlock()
}

// holder is what the file says, which may just be being written: 0 where that is no
// process.
func holder(path string) int {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid < 0 {
		return 0
	}
	return pid
}
