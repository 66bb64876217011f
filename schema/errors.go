package schema

import (
	"errors"
	"fmt"
)

// ErrNotADatabase is returned for a file that is no SQLite database.
var ErrNotADatabase = errors.New("not a SQLite database")

// ErrForeignDatabase is returned for a SQLite database that Rosey did not make.
var ErrForeignDatabase = errors.New("a SQLite database that Rosey did not make")

// ErrNoDatabase is returned where there is no database yet.
var ErrNoDatabase = errors.New("no database yet")

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
