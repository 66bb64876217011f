package schema

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/gofrs/flock"
)

// Claim makes the caller the one who makes a file, until the returned function is
// called. Somebody else who is at it is an *InUseError.
func Claim(path string) (release func() error, err error) {
	name := path + ".lock"
	for {
		l := flock.New(name, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
		held, err := l.TryLock()
		if err == nil && !held {
			err = &InUseError{Path: path}
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("schema: claim %s: %w", path, err), l.Close())
		}
		mine, err := l.Stat()
		if err == nil {
			var there fs.FileInfo
			there, err = os.Stat(name)
			if err == nil && os.SameFile(mine, there) {
				return func() error { return errors.Join(os.Remove(name), l.Unlock()) }, nil
			}
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, errors.Join(fmt.Errorf("schema: claim %s: %w", path, err), l.Unlock())
		}
		// The one before removed the name between the two: what is locked is nobody's.
		if err := l.Unlock(); err != nil {
			return nil, fmt.Errorf("schema: claim %s: %w", path, err)
		}
	}
}

// RemoveUnfinished removes what a crash left of a database that was being made
// under a name of its own. A file there that Rosey did not make stays, and is
// ErrForeignDatabase.
func RemoveUnfinished(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("schema: look at %s: %w", path, err)
	}
	if info.Size() > 0 {
		ours, err := startsAsOurs(path)
		if err != nil {
			return fmt.Errorf("schema: look at %s: %w", path, err)
		}
		if !ours {
			return fmt.Errorf("schema: %s: %w", path, ErrForeignDatabase)
		}
	}
	return RemoveFile(path)
}

// startsAsOurs looks at the header alone: the rest of the file may be anything.
func startsAsOurs(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }() // it was only read
	header := make([]byte, 100)
	if _, err := io.ReadFull(f, header); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return false, nil
		}
		return false, err
	}
	return bytes.HasPrefix(header, []byte("SQLite format 3\x00")) && binary.BigEndian.Uint32(header[68:]) == applicationID, nil
}

// Publish gives a finished database the name it was made for, durably. A file that
// has the name already is in the way: fs.ErrExist.
func Publish(made, path string) error {
	_, err := os.Lstat(path)
	if err == nil {
		err = fs.ErrExist
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("schema: publish %s: %w", path, err)
	}
	if err := os.Rename(made, path); err != nil {
		return fmt.Errorf("schema: publish %s: %w", path, err)
	}
	return syncPath(path)
}
