package embedded

import (
	"context"
	"errors"
	"path/filepath"

	"rosey/streams/lockfile"

	"github.com/gofrs/flock"
)

// lockName is the name of the lock inside the store directory.
const lockName = "rosey.lock"

// lockStore takes the store directory for this process, or names its holder where
// that does not end soon.
func lockStore(ctx context.Context, dir string) (*flock.Flock, error) {
	lock, err := lockfile.Take(ctx, filepath.Join(dir, lockName))
	var held *lockfile.HeldError
	if errors.As(err, &held) {
		return nil, &StoreInUseError{Dir: dir, PID: held.PID}
	}
	return lock, err
}
