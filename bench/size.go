package bench

import (
	"fmt"
	"io/fs"
	"path/filepath"
)

// folderSize is what the files in a folder, or one file, take on the disk.
func folderSize(path string) (total int64, err error) {
	err = filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		total += info.Size()
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("bench: measure the size of %s: %w", path, err)
	}
	return total, nil
}
