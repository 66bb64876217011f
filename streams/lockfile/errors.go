package lockfile

import "fmt"

// HeldError says that another process has the lock.
type HeldError struct {
	// PID is the holder's process, 0 where the file does not say.
	PID int
}

func (e *HeldError) Error() string {
	if e.PID == 0 {
		return "locked by another process"
	}
	return fmt.Sprintf("locked by process %d", e.PID)
}
