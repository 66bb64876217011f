package endtoend

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// long asks for the tests' longer form.
var long = flag.Bool("long", false, "run the longer form of the tests that have one")

// rosey is the path of the program under test.
var rosey string

func TestMain(m *testing.M) {
	flag.Parse()
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
