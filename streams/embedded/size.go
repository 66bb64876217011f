package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"rosey/streams"
)

// DefaultMaxBytes returns how large a new stream in dir should be allowed to
// become: streams.DefaultMaxBytes, or four fifths of what the disk has for it
// where that is less. What the directory already holds counts as available.
func DefaultMaxBytes(dir string) (int64, error) {
	used, err := usedBytes(dir)
	if err != nil {
		return 0, fmt.Errorf("embedded: measure %s: %w", dir, err)
	}
	free, err := freeBytes(nearestExisting(dir))
	if err != nil {
		return 0, fmt.Errorf("embedded: measure free space under %s: %w", dir, err)
	}
	if room := free + used; room < streams.DefaultMaxBytes/4*5 {
		return room / 5 * 4, nil
	}
	return streams.DefaultMaxBytes, nil
}

func usedBytes(dir string) (int64, error) {
	var sum int64
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // never created, or removed by the running server meanwhile
			}
			return err
		}
		if !d.Type().IsRegular() {
			return nil
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		sum += info.Size()
		return nil
	})
	return sum, err
}

func nearestExisting(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return dir
		}
		dir = parent
	}
}
