package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/gofrs/flock"
)

// Holder reports whether a bot works with the spool at path, and its process as
// far as it is known. It takes nothing, and makes no file.
func Holder(path string) (pid int, held bool, err error) {
	name := path + ".lock"
	if _, err := os.Stat(name); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return 0, false, nil
		}
		return 0, false, fmt.Errorf("spool: look for the holder of %s: %w", path, err)
	}
	// A shared lock is refused while the bot has its own, and given back at once.
	lock := flock.New(name, flock.SetFlag(os.O_RDONLY))
	free, err := lock.TryRLock()
	if err != nil {
		return 0, false, fmt.Errorf("spool: look for the holder of %s: %w", path, err)
	}
	if !free {
		return lockHolder(name), true, nil
	}
	if err := lock.Unlock(); err != nil {
		return 0, false, fmt.Errorf("spool: look for the holder of %s: %w", path, err)
	}
	return 0, false, nil
}
