package backup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/gofrs/flock"
)

// takingName is a file in the folder of a backup while it is made, locked by whoever
// makes it: by it a backup that was cut off is told from one that goes on, and from a
// folder of somebody else.
const takingName = ".taking"

// enter makes the folder of a backup the caller's own, and removes what one that was cut
// off has left there. The error is ErrNotEmpty, ErrTaking or ErrTaken.
func enter(dir string) (leave func() error, err error) {
	if err := unfinished(dir); err != nil && !errors.Is(err, ErrTaken) {
		return nil, err
	}
	if err := makeFolder(dir); err != nil {
		return nil, err
	}
	l := flock.New(filepath.Join(dir, takingName), flock.SetPermissions(0o600))
	ok, err := lock(l)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, ErrTaking
	}
	leave = func() error { return errors.Join(os.Remove(l.Path()), l.Unlock()) }
	// It may have come to its end in between.
	if err = unfinished(dir); err == nil {
		err = removeParts(dir)
	}
	if errors.Is(err, ErrTaken) {
		return nil, errors.Join(err, leave())
	}
	if err != nil {
		return nil, errors.Join(err, l.Unlock())
	}
	return leave, nil
}

// lock locks the file that has the name now, and reports whether nobody else has. Who
// leaves removes it: whoever opened it before that, and locks it after, has a file that
// nobody else will ever find.
func lock(l *flock.Flock) (bool, error) {
	for {
		ok, err := l.TryLock()
		if err != nil {
			return false, unlockable(err)
		}
		if !ok {
			return false, nil
		}
		mine, err := l.Stat()
		if err != nil {
			return false, errors.Join(err, l.Unlock())
		}
		there, err := os.Stat(l.Path())
		if err == nil && os.SameFile(mine, there) {
			return true, nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, errors.Join(err, l.Unlock())
		}
		if err := l.Unlock(); err != nil {
			return false, err
		}
	}
}

// unlockable tells a file system that has no locks from anything else.
func unlockable(err error) error {
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.ENOLCK) {
		return fmt.Errorf("%w: %w", ErrNoLocks, err)
	}
	return err
}

// unfinished refuses a folder that holds anything else than the parts of a backup that
// was cut off.
func unfinished(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || isEmpty(entries) {
		return err
	}
	has := func(name string) bool {
		return slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == name })
	}
	switch {
	case !has(takingName):
		return ErrNotEmpty
	case has(ManifestName):
		return ErrTaken
	}
	for _, e := range entries {
		if !slices.Contains([]string{takingName, streamFolder, databaseFolder, spoolFolder, "lost+found"}, e.Name()) && !draft(e.Name()) {
			return ErrNotEmpty
		}
	}
	return nil
}

// draft recognises a manifest that was being written.
func draft(name string) bool { return strings.HasPrefix(name, "."+ManifestName) }

// removeParts removes what a backup is made of.
func removeParts(dir string) error {
	var err error
	for _, name := range []string{ManifestName, streamFolder, databaseFolder, spoolFolder} {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, name)))
	}
	entries, listErr := os.ReadDir(dir)
	err = errors.Join(err, listErr)
	for _, e := range entries {
		if draft(e.Name()) {
			err = errors.Join(err, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return err
}
