package schema

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/gofrs/flock"
)

// Holder reports whether some process has the store's lock, and which one as far
// as it is known. It takes nothing, and makes no file.
func (s Store) Holder() (pid int, held bool, err error) {
	path := s.Link + ".lock"
	if _, err := os.Stat(path); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return 0, false, nil
		}
		return 0, false, fmt.Errorf("schema: look for the holder of %s: %w", s.Link, err)
	}
	// A shared lock is refused while the writer has its own, and given back at once.
	l := flock.New(path, flock.SetFlag(os.O_RDONLY))
	free, err := l.TryRLock()
	if err != nil {
		return 0, false, fmt.Errorf("schema: look for the holder of %s: %w", s.Link, err)
	}
	if !free {
		text, _ := os.ReadFile(path)
		pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
		return pid, true, nil
	}
	if err := l.Unlock(); err != nil {
		return 0, false, fmt.Errorf("schema: look for the holder of %s: %w", s.Link, err)
	}
	return 0, false, nil
}
