package suite

import (
	"io/fs"
	"path/filepath"
	"strings"
)

// NoteSources looks at all sources below root, so that a cached result ends when
// any of them changes: the go command knows what a test reads, but not what a
// program that the test builds is made of.
func NoteSources(root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != root {
			return fs.SkipDir
		}
		return err
	})
}
