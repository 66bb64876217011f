package schema

import (
	"errors"
	"fmt"
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
