package archive

import (
	"errors"
	"fmt"
)

var (
	// ErrNoArchive means that a folder holds no archive.
	ErrNoArchive = errors.New("there is no archive in this folder")
	// ErrNotEmpty means that a folder without an archive holds something else.
	ErrNotEmpty = errors.New("the folder holds other files")
	// ErrNewer means that a later version of the program wrote the archive.
	ErrNewer = errors.New("the archive was written by a later version of the program")
	// ErrDamaged means that the archive is not what was written. The error is a
	// *DamageError.
	ErrDamaged = errors.New("the archive is damaged")
	// ErrInUse means that another process writes to the archive.
	ErrInUse = errors.New("another process writes to this archive")
	// ErrOtherStream means that the archive is of another stream.
	ErrOtherStream = errors.New("the archive is of another stream")
	// ErrOtherHistory means that stream and archive have the same identity and
	// differ all the same: the stream was restored to an older state.
	ErrOtherHistory = errors.New("the stream is not the one that was archived any more")
	// ErrGap means that the stream no longer holds what follows the archive.
	ErrGap = errors.New("between archive and stream there is a gap")
	// ErrOutside means that a sequence lies outside of the archive.
	ErrOutside = errors.New("the archive does not hold that sequence")
	// ErrManyErased means that more archived messages are gone from the stream, or more of
	// them one after the other, than are forgotten without being asked.
	ErrManyErased = errors.New("the stream lists many of the archived messages as erased")
	// ErrSubjects means that too many subjects of the archive are none of the
	// events'.
	ErrSubjects = errors.New("the archive holds messages of too many foreign subjects")
)

// DamageError names the file of an archive that is not as it was written.
type DamageError struct {
	// File is its name within the archive.
	File   string
	Detail string
}

func (e *DamageError) Error() string { return fmt.Sprintf("%s is damaged: %s", e.File, e.Detail) }

// Is makes errors.Is(err, ErrDamaged) hold.
func (e *DamageError) Is(target error) bool { return target == ErrDamaged }
