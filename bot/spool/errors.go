package spool

import (
	"errors"
	"fmt"
)

// What Open refuses. The file is left as it is in each case.
var (
	// ErrInUse means that another process works with the spool. The error is an
	// *InUseError.
	ErrInUse = errors.New("spool is in use")
	// ErrNotASpool means that the file is no SQLite database, or another
	// program's.
	ErrNotASpool = errors.New("file is not a spool")
	// ErrNewerSchema means that a later version of this program wrote the spool.
	ErrNewerSchema = errors.New("spool was written by a newer version of this program")
)

// What Put, Begin and Drain refuse.
var (
	// ErrFull means that the events would not fit below the spool's limit, or that
	// its disk is nearly full. Nothing was written.
	ErrFull = errors.New("spool is full")
	// ErrNotBegun means that no producer has begun.
	ErrNotBegun = errors.New("no producer has begun")
	// ErrDraining means that another Drain is running.
	ErrDraining = errors.New("spool is being drained already")
	// ErrDamaged means that the file was found damaged while it was in use. Closing
	// the spool and opening it again sets it aside and recovers what can be read.
	ErrDamaged = errors.New("spool file is damaged")
	// ErrClosed means that the spool was closed.
	ErrClosed = errors.New("spool is closed")
)

// InUseError says which process holds a spool.
type InUseError struct {
	Path string
	// PID is the holder's process, 0 where its lock file does not say.
	PID int
}

func (e *InUseError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("spool %s is in use by another process", e.Path)
	}
	return fmt.Sprintf("spool %s is in use by process %d", e.Path, e.PID)
}

// Is makes errors.Is(err, ErrInUse) hold.
func (e *InUseError) Is(target error) bool { return target == ErrInUse }
