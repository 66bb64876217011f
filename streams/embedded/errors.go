package embedded

import (
	"errors"
	"fmt"
)

var (
	// ErrStoreInUse means that another process runs a server on the directory.
	// The error is a *StoreInUseError.
	ErrStoreInUse = errors.New("store directory is in use")

	// ErrPortInUse means that something else listens on a port that was asked
	// for. The error is a *PortInUseError.
	ErrPortInUse = errors.New("port is in use")

	// ErrNotRunning means that the server is stopped or is being restarted.
	ErrNotRunning = errors.New("embedded server is not running")

	// ErrUnhealthy means that the server runs but cannot do its work.
	ErrUnhealthy = errors.New("embedded server is unhealthy")

	// ErrDiskLow means that the disk under the store is nearly full.
	ErrDiskLow = errors.New("too little free disk space")
)

// StoreInUseError says which process holds a store directory.
type StoreInUseError struct {
	Dir string
	// PID is the holder's process, 0 when its lock file does not say.
	PID int
}

func (e *StoreInUseError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("store directory %s is in use by another process", e.Dir)
	}
	return fmt.Sprintf("store directory %s is in use by process %d", e.Dir, e.PID)
}

// Is makes errors.Is(err, ErrStoreInUse) hold.
func (e *StoreInUseError) Is(target error) bool { return target == ErrStoreInUse }

// PortInUseError names the port that something else listens on.
type PortInUseError struct {
	// Use is what the port was wanted for: "client" or "monitor".
	Use  string
	Host string
	Port int
}

func (e *PortInUseError) Error() string {
	return fmt.Sprintf("%s port %d on %s is in use by another program", e.Use, e.Port, e.Host)
}

// Is makes errors.Is(err, ErrPortInUse) hold.
func (e *PortInUseError) Is(target error) bool { return target == ErrPortInUse }
