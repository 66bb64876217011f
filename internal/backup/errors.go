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
	// ErrLeft means that the server has what a restore of another backup left that was
	// cut off.
	ErrLeft = errors.New("the server has a part of another backup, whose restore was cut off")
	// ErrComplete means that a restore which was cut off had done all there was to do,
	// and is complete. It comes with ErrNotEmpty, or with what kept it from removing its
	// list of that.
	ErrComplete = errors.New("a restore has come to its end there, and nothing is left to do")
	// ErrStreamGone means that the parts of a restore are in their places in the data
	// folder, and the server does not have its stream.
	ErrStreamGone = errors.New("the data folder is restored, and the server does not have the stream")
	// ErrMarked means that all is restored, and that the server could not be told so.
	ErrMarked = errors.New("all is restored, and nobody can use it yet")
	// ErrTaking means that another process makes a backup in the folder.
	ErrTaking = errors.New("another backup is being made in this folder")
	// ErrRestoring means that another process restores into the same data folder.
	ErrRestoring = errors.New("something else is being restored into this folder")
	// ErrNoLocks means that the folder's file system cannot keep two processes apart.
	ErrNoLocks = errors.New("the folder's file system does not support locks")
	// ErrTaken means that a backup which was cut off is complete all the same.
	ErrTaken = errors.New("the backup in this folder is complete")
	// ErrLostEnd means that the stream ends before what the tables were made of it: no
	// restore would accept the two together.
	ErrLostEnd = errors.New("the stream has lost its end")
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
