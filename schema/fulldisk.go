package schema

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
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

// RoomError says that another generation is not begun, because the disk has no room
// for it. It is a full disk's error.
type RoomError struct {
	// Name is the database's, Need about what another one takes, and Free what the
	// disk has, in bytes.
	Name       string
	Need, Free int64
	// Spare are finished generations that nobody needs to go on, and SpareSize what
	// they take.
	Spare     []string
	SpareSize int64
}

func (e *RoomError) Error() string {
	return fmt.Sprintf("schema: nothing was begun: another %s takes about %s, the disk has %s left: %v", e.Name, roomUp(e.Need), roomDown(e.Free), syscall.ENOSPC)
}

// Unwrap makes errors.Is find syscall.ENOSPC.
func (e *RoomError) Unwrap() error { return syscall.ENOSPC }

// Remedy says what to do about it.
func (e *RoomError) Remedy() string {
	text := fmt.Sprintf("free at least %s on the disk of the database: the tables are made a second time there", roomUp(e.Need-e.Free))
	if len(e.Spare) > 0 {
		text += fmt.Sprintf("; %s, %s, may be deleted, only --undo wants what is older", strings.Join(e.Spare, " and "), roomDown(e.SpareSize))
	}
	return text
}

// roomDown names a size in whole units, small enough to tell what is short: what there
// is may not be said to be more.
func roomDown(n int64) string {
	if n < 10<<20 {
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d MiB", n>>20)
}

// roomUp rounds up: what is asked for has to be enough.
func roomUp(n int64) string {
	if n <= 10<<20-1<<10 {
		return roomDown(n + 1<<10 - 1)
	}
	return roomDown(n + 1<<20 - 1)
}

// Room makes sure that the disk has room for another generation of about the size
// of the current one, beside what there is at a path already. Finding out by filling
// it would take the room from all who write there, the bot's spool among them. The
// error is a *RoomError. Where nothing is known it is nil.
func (s Store) Room(made string) error {
	current, err := s.Current()
	if err != nil {
		return nil //nolint:nilerr // there is nothing to go by
	}
	need := sizeOf(current.Path) - sizeOf(made)
	free, err := diskSpace(filepath.Dir(current.Path))
	if err != nil || free >= need {
		return nil //nolint:nilerr // the errors of the disk itself must do
	}
	e := &RoomError{Name: filepath.Base(s.Link), Need: need, Free: free}
	others, err := s.others(current)
	if err != nil {
		return e
	}
	for _, g := range others {
		if kept, err := s.retained(g); err == nil && !kept {
			e.Spare, e.SpareSize = append(e.Spare, g.Path), e.SpareSize+sizeOf(g.Path)
		}
	}
	return e
}

// leastRoom is what a database takes, however little is in it.
const leastRoom = 1 << 20

// RoomElsewhere is Room for a share of the current generation, more than 0 and at most
// 1, that is made in a folder which may be on another disk.
func (s Store) RoomElsewhere(made string, share float64) error {
	current, err := s.Current()
	if err != nil {
		return nil //nolint:nilerr // there is nothing to go by
	}
	dir := filepath.Dir(made)
	need := max(int64(share*float64(sizeOf(current.Path))), leastRoom) - sizeOf(made)
	free, err := diskSpace(dir)
	if err != nil || free >= need {
		return nil //nolint:nilerr // the errors of the disk itself must do
	}
	return &RoomError{Name: filepath.Base(s.Link), Need: need, Free: free}
}

// sizeOf is 0 for what is not there.
func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
