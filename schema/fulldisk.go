package schema

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// IsFullDisk reports whether an error comes from a disk that is full.
func IsFullDisk(err error) bool {
	var se *sqlite.Error
	if errors.As(err, &se) && (se.Code()&0xff == sqlite3.SQLITE_FULL || se.Code() == sqlite3.SQLITE_IOERR_SHMSIZE) {
		return true
	}
	return errors.Is(err, syscall.ENOSPC)
}

// NameFullDisk names the full disk where SQLite does not: the file beside the
// database that its users share cannot grow, which it calls an input/output
// error. Any other error is returned as it is.
func NameFullDisk(err error) error {
	var se *sqlite.Error
	if errors.As(err, &se) && se.Code() == sqlite3.SQLITE_IOERR_SHMSIZE {
		return fmt.Errorf("%w: the disk is full: %w", syscall.ENOSPC, err)
	}
	return err
}

// Room makes sure that the disk has room for another generation of about the size
// of the current one. Finding out by filling it would take the room from all who
// write there, the bot's spool among them. The error is a full disk's. Where
// nothing is known it is nil.
func (s Store) Room() error {
	current, err := s.Current()
	if err != nil {
		return nil //nolint:nilerr // there is nothing to go by
	}
	info, err := os.Stat(current.Path)
	if err != nil {
		return nil //nolint:nilerr // as above
	}
	free, err := diskSpace(filepath.Dir(current.Path))
	if err != nil || free >= info.Size() {
		return nil //nolint:nilerr // the errors of the disk itself must do
	}
	return fmt.Errorf("schema: another %s takes about %d MiB, the disk has %d MiB left: %w",
		filepath.Base(s.Link), info.Size()>>20, free>>20, syscall.ENOSPC)
}
