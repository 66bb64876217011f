package backup

import (
	"errors"
	"fmt"

	"github.com/dustin/go-humanize"
)

// What keeps a backup from being made or used.
var (
	// ErrNotEmpty means that there is something where something new is to be.
	ErrNotEmpty = errors.New("the folder is not empty")
	// ErrNoBackup means that a folder holds no backup at all.
	ErrNoBackup = errors.New("the folder holds no backup")
	// ErrCutOff means that a backup was begun and never finished.
	ErrCutOff = errors.New("the backup was cut off: it has no manifest")
	// ErrFormat means that another version of the program made the backup.
	ErrFormat = errors.New("the backup has a format that this program does not know")
	// ErrDamaged means that a file of the backup is not what was written.
	ErrDamaged = errors.New("the backup is damaged")
	// ErrNoRoom means that there is not enough space on a disk. The error is a
	// *RoomError.
	ErrNoRoom = errors.New("not enough space on the disk")
	// ErrExists means that the server has a stream or queue already.
	ErrExists = errors.New("there is one on the server already")
	// ErrDiffers means that what was restored is not what was copied.
	ErrDiffers = errors.New("what was restored is not what was copied")
)

// RoomError says how much space there is, and how much it would take.
type RoomError struct {
	Dir        string
	Free, Need int64
}

func (e *RoomError) Error() string {
	return fmt.Sprintf("%s has %s left, and it may take %s", e.Dir, humanize.IBytes(uint64(max(e.Free, 0))), humanize.IBytes(uint64(max(e.Need, 0))))
}

// Is makes errors.Is(err, ErrNoRoom) hold.
func (e *RoomError) Is(target error) bool { return target == ErrNoRoom }
