package endtoend

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// long asks for the tests' longer form.
var long = flag.Bool("long", false, "run the longer form of the tests that have one")

// seed repeats what chance decided in an earlier run.
var seed = flag.Uint64("seed", 0, "seed of what is left to chance; 0 for another one each time")

// rosey is the path of the program under test.
var rosey string

func TestMain(m *testing.M) {
	flag.Parse()
	// The tests wait for processes more than they compute.
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		_ = f.Value.Set("4")
	}
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "rosey-endtoend-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	rosey = filepath.Join(dir, "rosey")
	args := []string{"build", "-o", rosey}
	if raceEnabled {
		args = append(args, "-race")
	}
	build := exec.Command("go", append(args, "rosey/cmd/rosey")...)
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build the program:", err)
		return 1
	}
	return m.Run()
}

// noteSources lets a cached result end when any source changes: the go command
// knows what the test reads, but not what the program it builds is made of.
var noteSources = sync.OnceValue(func() error {
	return filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != "../.." {
			return fs.SkipDir
		}
		return err
	})
})
