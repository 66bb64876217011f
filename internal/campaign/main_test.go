package campaign_test

import (
	"flag"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// seed repeats what chance decided in an earlier run.
var seed = flag.Uint64("seed", 0, "seed of the campaign's first segment; 0 for another one each time")

// noteSources lets a cached result end when any source changes: the go command
// knows what the test reads, but not what the program it builds is made of.
func noteSources(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != "../.." {
			return fs.SkipDir
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
