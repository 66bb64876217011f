package endtoend

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"rosey/internal/suite"
)

// long asks for the tests' longer form.
var long = flag.Bool("long", false, "run the longer form of the tests that have one")

// seed repeats what chance decided in an earlier run.
var seed = flag.Uint64("seed", 0, "seed of what is left to chance; 0 for another one each time")

// testsAtOnce are fewer tests than elsewhere: each has several processes.
const testsAtOnce = 4

// rosey is the path of the program under test.
var rosey string

func TestMain(m *testing.M) {
	flag.Parse() // what cannot be read ends here, with nothing left behind
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
	return suite.Run(m, testsAtOnce)
}

// noteSources is for every test that runs the program; one look is enough.
var noteSources = sync.OnceValue(func() error { return suite.NoteSources("../..") })
