package schema

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// ErrNotADatabase is returned for a file that is no SQLite database.
var ErrNotADatabase = errors.New("not a SQLite database")

// ErrForeignDatabase is returned for a SQLite database that Rosey did not make.
var ErrForeignDatabase = errors.New("a SQLite database that Rosey did not make")

// ErrNoDatabase is returned where there is no database yet.
var ErrNoDatabase = errors.New("no database yet")

// ErrNoPrevious is returned where there is no generation to go back to.
var ErrNoPrevious = errors.New("there is no generation before the current one")

// InUseError says that another process writes to the database.
type InUseError struct {
	Path string
	PID  string
}

func (e *InUseError) Error() string {
	if e.PID == "" {
		return fmt.Sprintf("%s is in use by another process", e.Path)
	}
	return fmt.Sprintf("%s is in use by process %s", e.Path, e.PID)
}

// IsDamage tells what is wrong with a database itself, and will be tomorrow,
// from a disk that is full, a lock or an interruption.
func IsDamage(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	var se *sqlite.Error
	if errors.As(err, &se) {
		switch se.Code() & 0xff {
		case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR: // the last: no such table or column
			return true
		}
		return false
	}
	var pe *fs.PathError
	return !errors.As(err, &pe)
}

// IsUnreadable reports whether an error comes from the file rather than from the
// question: there is none, it is no database, or what lies there is not whole.
func IsUnreadable(err error) bool {
	for _, known := range []error{ErrNoDatabase, ErrNotADatabase, ErrForeignDatabase, ErrReplaced} {
		if errors.Is(err, known) {
			return true
		}
	}
	var se *sqlite.Error
	if !errors.As(err, &se) {
		return false
	}
	switch se.Code() & 0xff {
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CANTOPEN,
		sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_SCHEMA:
		return true
	}
	return false
}

// IsBusy reports whether an error is over when somebody else has finished.
func IsBusy(err error) bool {
	var se *sqlite.Error
	if !errors.As(err, &se) {
		return false
	}
	code := se.Code() & 0xff
	return code == sqlite3.SQLITE_BUSY || code == sqlite3.SQLITE_LOCKED
}

// IsSQLite reports whether an error is SQLite's own.
func IsSQLite(err error) bool {
	var se *sqlite.Error
	return errors.As(err, &se)
}
